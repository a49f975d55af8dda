"""Building feature views from snapshots and publishing them as one version."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref
from app.services.features.checking import check
from app.services.features.computing import Computed, compute
from app.services.features.deployed import fit_of
from app.services.features.future import ROWS_IN_A_BUILD, prove
from app.services.features.locality import prove_local, unproved_parts
from app.services.features.planning import Plan, Record, TablePlan, again, is_of, lost_tables, plan
from app.services.features.reading import folder_of, info_of
from app.services.features.sources import code_of
from app.services.lineage import resolve
from app.services.running import RunContext, TaskContext
from app.services.workspaces import OpenProject, now
from app.store import artifacts, audit, lineage
from app.store.tables import FeatureCode, FeatureSet


@dataclass(frozen=True)
class FeatureSetBuilt:
    """A published version of a project's features; `is_new` is false when nothing had changed."""

    id: int
    version: int
    digest: str
    rows: int
    is_new: bool
    rebuilt: tuple[str, ...]
    says: str


def build(task: TaskContext) -> FeatureSetBuilt:
    """Compute the tables and parts that changed from the newest snapshots and publish them as one version.

    The rules and snapshots of the newest version make no new one; those of an older one (somebody went back) make a new
    version of the same tables, because everybody reads the newest. Raises BadInput (with file, line and function) for
    feature code that fails, NotFound when nothing was ingested yet.
    """
    run, project = task.run, task.run.project
    planned = plan(run.store, project, run.project_id)
    newest = _newest_with(run, planned.digest)
    if newest is not None and not lost_tables(project, info_of(newest)):
        return _unchanged(task, newest)
    steps = iter(range(1, 1_000_000))
    computed = compute(run.store, project, planned, lambda says: task.progress(1, 1 + next(steps), says))
    check(project, planned, computed)
    changed = tuple(name for name, table in planned.tables.items() if table.has_new_rules)
    if changed:
        task.progress(1, 2, "testing that no rule reads the future")
        prove(run.store, project, planned, changed, rows=ROWS_IN_A_BUILD)
    prove_local(run.store, project, planned, unproved_parts(planned), rows=ROWS_IN_A_BUILD)
    tables = {}
    for at, table in enumerate(planned.tables.values()):
        task.progress(len(planned.tables) + at, 2 * len(planned.tables), f"publishing {table.function}")
        tables[table.function] = _published(project, planned, table, computed)
    return _publish(task, planned, _records(project, tables))


def _newest_with(run: RunContext, digest: str) -> FeatureSet | None:
    """The newest version, when it has this plan."""
    with run.store.read() as session:
        newest, _ = _known(session, run.project_id, digest)
    return newest if newest is not None and is_of(newest.digest, newest.version, digest) else None


def _known(session: Session, project_id: int, digest: str) -> tuple[FeatureSet | None, FeatureSet | None]:
    """The newest version, and the one that has this plan: the newest when it does, else an older one, or None."""
    query = select(FeatureSet).where(col(FeatureSet.project_id) == project_id)
    newest = session.execute(query.order_by(col(FeatureSet.version).desc()).limit(1)).scalars().first()
    if newest is not None and is_of(newest.digest, newest.version, digest):
        return newest, newest
    return newest, session.execute(query.where(col(FeatureSet.digest) == digest)).scalars().first()


def _unchanged(task: TaskContext, row: FeatureSet) -> FeatureSetBuilt:
    says = f"nothing changed: v{row.version} has these rules and snapshots"
    with task.run.store.write() as session:
        task.complete(session, says=says, outputs=[_ref(task.run, row.version)])
    assert row.id is not None
    return FeatureSetBuilt(row.id, row.version, row.digest, row.rows, False, (), says)


def _published(project: OpenProject, planned: Plan, table: TablePlan, computed: Computed) -> Record:
    """Write one table unless an older version has it; gives where its rows lie and what columns they have."""
    from app.features import offline, views

    if table.older is not None:
        return table.older
    folder = folder_of(project) / table.folder
    if table.is_divided:
        new = {name: offline.storable(frame) for name, frame in computed.parts[table.function].items()}
        order = [part.name for part in table.parts]
        version = offline.publish_parts(folder, new, order, digest=table.digest)
        columns = views.stored_columns(offline.schema_of(folder, version))
    else:
        frame = computed.whole[table.function]
        version = offline.publish(folder, frame, digest=table.digest)
        columns = views.frame_columns(frame)
    return {
        "table": table.folder,
        "version": version,
        "rows": offline.rows_of(folder, version),
        "function": planned.rules.rules[table.function].digest,
        "rules": planned.rules.digest_of([table.function], list(project.file.sources)),
        "table_digest": table.digest,
        "held": [asdict(column) for column in columns],
    }


def _records(project: OpenProject, tables: Mapping[str, Record]) -> dict[str, Record]:
    """What a feature set keeps of the spine and of each view."""
    from app.features import views

    file, problem = project.file, project.file.problem
    shared = ("table", "version", "rows", "function", "rules", "table_digest", "held")
    spine = {key: tables[file.spine.function][key] for key in shared}
    found: dict[str, Record] = {
        file.spine.function: {
            **spine,
            "digest": spine["table_digest"],
            "is_spine": True,
            "columns": [{"name": column.name, "kind": "key"} for column in views.held(spine["held"])],
            "entity": list(problem.entity),
            "event_time": problem.event_time,
            "label_time": problem.label_time,
            "target": problem.target,
        }
    }
    for name, view in file.views.items():
        stored = {key: tables[view.history or name][key] for key in shared}
        beside = {*view.entity, view.event_time, view.created_time}
        columns = (
            [{"name": feature, "kind": "number"} for feature in view.windows]
            if view.history
            else [asdict(column) for column in views.held(stored["held"]) if column.name not in beside]
        )
        found[name] = {
            **stored,
            "digest": stored["table_digest"],
            "columns": columns,
            **view.model_dump(mode="json", exclude={"by"}),
        }
    return found


def _publish(task: TaskContext, planned: Plan, records: Mapping[str, Record]) -> FeatureSetBuilt:
    run, moment = task.run, now()
    digest, rules_digest, snapshots = planned.digest, planned.rules_digest, planned.snapshots
    rows = records[run.project.file.spine.function]["rows"]
    assert isinstance(rows, int)
    fit = fit_of(run.store.reader, run.project.name, records)
    if fit is not None and fit.says:
        run.log(f"the columns are not those of the deployed model: {fit.says}", level="warning")
    inputs = [Ref("snapshot", snapshot.key) for snapshot in snapshots]
    code = Ref("rules", rules_digest[:12])
    kept_code = json.dumps(code_of(run.project), sort_keys=True).encode()
    cause = run.parameters.get("caused_by")
    because = resolve(run.store.reader, Ref.parse(str(cause))) if cause else None
    with run.store.write() as session:
        newest, known = _known(session, run.project_id, digest)
        if known is not None and lost_tables(run.project, info_of(known)):
            known.views = json.dumps(records)
        if known is None or known is not newest:
            version = newest.version + 1 if newest is not None else 1
            row = FeatureSet(
                project_id=run.project_id,
                run_id=run.run_id,
                version=version,
                digest=digest if known is None else again(digest, version),
                rules_digest=rules_digest,
                rows=rows,
                views=json.dumps(records),
                snapshots=json.dumps([snapshot.key for snapshot in snapshots]),
                created_at=moment,
            )
            session.add(row)
            session.flush()
            assert row.id is not None
            artifact = artifacts.put(session, kept_code, kind="rules", media_type="application/json", now=moment)
            session.add(FeatureCode(feature_set_id=row.id, artifact=artifact))
            output = _ref(run, row.version)
            rebuilt = tuple(name for name, table in planned.tables.items() if table.older is None)
            kept = len(planned.tables) - len(rebuilt)
            reused = f", {kept} reused" if kept else ""
            says = f"v{row.version}: {rows:,} rows, {len(rebuilt)} tables built{reused}"
            says += f"; the rules and snapshots of v{known.version} again" if known is not None else ""
            says += f"; {fit.says}" if fit is not None and fit.breaks else ""
            edges = [*((one, output, "built") for one in inputs), (code, output, "computed_by")]
            if because is not None:
                edges.append((because, output, "caused_by"))
            lineage.link(session, edges, now=moment)
            audit.record(
                session,
                actor=run.actor,
                action="features.published",
                subject=str(output),
                now=moment,
                details={"run": run.key, "digest": row.digest, "rows": rows}
                | ({"caused_by": str(because)} if because else {}),
            )
            task.complete(session, says=says, inputs=[*inputs, code], outputs=[output])
            assert row.id is not None
            return FeatureSetBuilt(row.id, row.version, row.digest, rows, True, rebuilt, says)
        says = f"v{known.version} is whole again: its files were lost"
        task.complete(session, says=says, inputs=[*inputs, code], outputs=[_ref(run, known.version)])
        assert known.id is not None
        return FeatureSetBuilt(known.id, known.version, known.digest, rows, False, (), says)


def _ref(run: RunContext, version: int) -> Ref:
    return Ref("features", f"{run.project.name}/v{version}")
