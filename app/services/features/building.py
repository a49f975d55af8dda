"""Building feature views from snapshots and publishing them as one version."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.errors import BadInput, NotFound
from app.domain.ids import Ref
from app.domain.project import View, canonical_json
from app.services import data
from app.services.data import SnapshotInfo
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of, info_of
from app.services.running import RunContext, TaskContext
from app.services.workspaces import OpenProject, now
from app.store import audit, lineage
from app.store.tables import FeatureSet

if TYPE_CHECKING:
    import pandas as pd

    from app.features.rules import Rules
    from app.features.views import ViewColumn

FORMAT = 1
"""Part of every digest: raise it when the same rules and snapshots would give other features."""


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


@dataclass(frozen=True)
class _Table:
    """One published table: the spine or a view, as the row of the feature set keeps it."""

    name: str
    digest: str
    record: dict[str, object]


def build(task: TaskContext) -> FeatureSetBuilt:
    """Compute the views that changed from the newest snapshots and publish them as one version.

    The same rules and snapshots give the same digest and no new version. Raises BadInput (with file, line and function)
    for feature code that fails, NotFound when nothing was ingested yet.
    """
    run, project = task.run, task.run.project
    sources = list(project.file.sources)
    snapshots = data.newest_snapshots(run.store, run.project_id, sources)
    rules = load_rules(project)
    wanted = [project.file.spine.function, *project.file.views]
    needed = {name for each in wanted for name in rules.sources_of(each, sources)}
    _require_snapshots(snapshots, needed, project)
    snapshots = [snapshot for snapshot in snapshots if snapshot.source in needed]
    digests = {name: _table_digest(name, rules, snapshots, project) for name in wanted}
    digest = hashlib.sha256(canonical_json([FORMAT, digests]).encode()).hexdigest()
    known = _by_digest(run, digest)
    if known is not None and not _lost(project, info_of(known)):
        return _unchanged(task, known)
    tables = _tables(task, rules, snapshots, digests)
    return _publish(task, digest, rules.digest_of(wanted, sources), tables, snapshots)


def load_rules(project: OpenProject) -> "Rules":
    """The functions of a project's `features.py`; raises NotFound or BadInput."""
    from app.features import rules

    path = project.code_folder / "features.py"
    shown = f"projects/{project.name}/features.py"
    if not path.is_file():
        raise NotFound(f"there is no {shown}", next_step="write one function for the spine and one for each view")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not UTF-8 (byte {error.start})", where=shown, next_step="save it as UTF-8") from None
    return rules.load(text, shown)


def _require_snapshots(snapshots: Sequence[SnapshotInfo], needed: set[str], project: OpenProject) -> None:
    missing = needed - {snapshot.source for snapshot in snapshots}
    if missing:
        raise NotFound(
            f"source {min(missing)} has no snapshot yet",
            next_step=f"trainmaster data ingest --project {project.name}",
        )


def _table_digest(name: str, rules: "Rules", snapshots: Sequence[SnapshotInfo], project: OpenProject) -> str:
    """What decides the rows of one table: its rules, the snapshots that they read, and its declaration."""
    sources = list(project.file.sources)
    read = rules.sources_of(name, sources)
    view = project.file.views.get(name)
    problem = project.file.problem
    declared: object = (
        view.model_dump(mode="json", exclude={"description", "owner"})
        if view is not None
        else [problem.target, problem.entity, problem.event_time, problem.label_time]
    )
    content = [
        FORMAT,
        name,
        rules.digest_of([name], sources),
        declared,
        [[snapshot.source, snapshot.digest] for snapshot in snapshots if snapshot.source in read],
    ]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _by_digest(run: RunContext, digest: str) -> FeatureSet | None:
    with run.store.read() as session:
        return _find(session, run.project_id, digest)


def _find(session: Session, project_id: int, digest: str) -> FeatureSet | None:
    query = select(FeatureSet).where(col(FeatureSet.project_id) == project_id, col(FeatureSet.digest) == digest)
    return session.execute(query).scalars().first()


def _lost(project: OpenProject, info: FeatureSetInfo) -> set[str]:
    """The tables of a version whose files are not there any more."""
    from app.features import offline

    records = info.views.items()
    return {
        name
        for name, record in records
        if not offline.has(folder_of(project) / str(record["table"]), int(str(record["version"])))
    }


def _unchanged(task: TaskContext, row: FeatureSet) -> FeatureSetBuilt:
    says = f"nothing changed: v{row.version} has these rules and snapshots"
    with task.run.store.write() as session:
        task.complete(session, says=says, outputs=[_ref(task.run, row.version)])
    assert row.id is not None
    return FeatureSetBuilt(row.id, row.version, row.digest, row.rows, False, (), says)


def _tables(
    task: TaskContext, rules: "Rules", snapshots: Sequence[SnapshotInfo], digests: Mapping[str, str]
) -> dict[str, tuple[_Table, bool]]:
    """Every table with whether it was rebuilt; tables whose digest an older version has are taken from there."""
    project = task.run.project
    older = {
        str(record["digest"]): record
        for info in reversed(feature_sets(task.run.store, task.run.project_id))
        for name, record in info.views.items()
        if name not in _lost(project, info)
    }
    changed = [name for name in digests if digests[name] not in older]
    computed = _computed(task, rules, snapshots, changed)
    _check(computed, project, older, digests)
    tables: dict[str, tuple[_Table, bool]] = {}
    for at, (name, digest) in enumerate(digests.items()):
        if name in computed:
            task.progress(len(digests) + at, 2 * len(digests), f"publishing {name}")
            tables[name] = (_published(name, digest, computed[name], rules, project), True)
        else:
            tables[name] = (_Table(name, digest, dict(older[digest])), False)
    return tables


def _computed(
    task: TaskContext, rules: "Rules", snapshots: Sequence[SnapshotInfo], changed: Sequence[str]
) -> "dict[str, pd.DataFrame]":
    from app.data.snapshots import unpack
    from app.features import rules as engine

    sources = list(task.run.project.file.sources)
    steps = rules.order(changed, sources)
    frames: dict[str, pd.DataFrame] = {}
    for source in sorted({name for step in steps for name in rules.rules[step].parameters if name in sources}):
        chosen = [snapshot for snapshot in snapshots if snapshot.source == source]
        contents = [data.snapshot_bytes(task.run.store, snapshot) for snapshot in chosen]
        frames[source] = unpack(contents, [snapshot.path for snapshot in chosen], source=source)
    for at, step in enumerate(steps):
        task.progress(at, 2 * len(steps), f"computing {step}")
        frames[step] = engine.run(rules, step, frames)
    return {name: frames[name] for name in changed}


def _check(
    computed: "Mapping[str, pd.DataFrame]",
    project: OpenProject,
    older: Mapping[str, Mapping[str, object]],
    digests: Mapping[str, str],
) -> None:
    from app.features import views

    file = project.file
    columns: dict[str, Sequence[views.ViewColumn]] = {}
    spine_columns: list[str] = []
    for name, digest in digests.items():
        view = file.views.get(name)
        if name not in computed:
            kept = _columns(older[digest])
            if view is None:
                spine_columns = [column.name for column in kept]
            else:
                columns[name] = kept
        elif view is None:
            views.check_spine(name, computed[name], file.problem, file.views)
            spine_columns = [str(column) for column in computed[name].columns]
        else:
            views.check_view(name, computed[name], view, file.problem)
            columns[name] = views.feature_columns(computed[name], view)
    views.check_names(spine_columns, columns)


def _columns(record: Mapping[str, object]) -> "list[ViewColumn]":
    from app.features import views

    found = record["columns"]
    assert isinstance(found, list)
    return [views.ViewColumn(str(one["name"]), one["kind"]) for one in found]


def _published(name: str, digest: str, frame: "pd.DataFrame", rules: "Rules", project: OpenProject) -> _Table:
    from app.features import offline, views

    view = project.file.views.get(name)
    version = offline.publish(folder_of(project) / name, frame, digest=digest)
    record: dict[str, object] = {
        "table": name,
        "version": version,
        "rows": len(frame),
        "function": rules.rules[name].digest,
        "digest": digest,
    }
    if view is None:
        problem = project.file.problem
        record |= {
            "is_spine": True,
            "columns": [{"name": str(column), "kind": "key"} for column in frame.columns],
            "entity": list(problem.entity),
            "event_time": problem.event_time,
            "label_time": problem.label_time,
            "target": problem.target,
        }
    else:
        record |= {
            "columns": [asdict(column) for column in views.feature_columns(frame, view)],
            **_declared(view),
        }
    return _Table(name, digest, record)


def _declared(view: View) -> dict[str, object]:
    return {
        "entity": list(view.entity),
        "event_time": view.event_time,
        "created_time": view.created_time,
        "ttl_hours": view.ttl_hours,
        "description": view.description,
        "owner": view.owner,
    }


def _publish(
    task: TaskContext,
    digest: str,
    rules_digest: str,
    tables: Mapping[str, tuple[_Table, bool]],
    snapshots: Sequence[SnapshotInfo],
) -> FeatureSetBuilt:
    run, moment = task.run, now()
    spine = tables[run.project.file.spine.function][0]
    rows = spine.record["rows"]
    assert isinstance(rows, int)
    inputs = [Ref("snapshot", snapshot.key) for snapshot in snapshots]
    code = Ref("rules", rules_digest[:12])
    with run.store.write() as session:
        known = _find(session, run.project_id, digest)
        if known is None:
            last = session.execute(
                select(func.max(col(FeatureSet.version))).where(col(FeatureSet.project_id) == run.project_id)
            ).scalar_one_or_none()
            row = FeatureSet(
                project_id=run.project_id,
                run_id=run.run_id,
                version=int(last or 0) + 1,
                digest=digest,
                rules_digest=rules_digest,
                rows=rows,
                views=json.dumps({name: table.record for name, (table, _) in tables.items()}),
                snapshots=json.dumps([snapshot.key for snapshot in snapshots]),
                created_at=moment,
            )
            session.add(row)
            session.flush()
            output = _ref(run, row.version)
            rebuilt = tuple(name for name, (_, new) in tables.items() if new)
            kept = len(tables) - len(rebuilt)
            reused = f", {kept} reused" if kept else ""
            says = f"v{row.version}: {rows:,} rows, {len(rebuilt)} tables built{reused}"
            edges = [*((one, output, "built") for one in inputs), (code, output, "computed_by")]
            lineage.link(session, edges, now=moment)
            audit.record(
                session,
                actor=run.actor,
                action="features.published",
                subject=str(output),
                now=moment,
                details={"run": run.key, "digest": digest, "rows": rows},
            )
            task.complete(session, says=says, inputs=[*inputs, code], outputs=[output])
            assert row.id is not None
            return FeatureSetBuilt(row.id, row.version, digest, rows, True, rebuilt, says)
        known.views = json.dumps({name: table.record for name, (table, _) in tables.items()})
        says = f"v{known.version} is whole again: its files were lost"
        task.complete(session, says=says, inputs=[*inputs, code], outputs=[_ref(run, known.version)])
        assert known.id is not None
        return FeatureSetBuilt(known.id, known.version, digest, rows, False, (), says)


def _ref(run: RunContext, version: int) -> Ref:
    return Ref("features", f"{run.project.name}/v{version}")
