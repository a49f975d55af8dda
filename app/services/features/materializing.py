"""Filling the online store: the newest known row of every entity of a feature set, all views in one publish."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput, NotFound
from app.domain.ids import Ref
from app.features.online import OnlineView, RowSet, micros
from app.services.features.deployed import require_fit
from app.services.features.online import open_online
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.running import RunContext, TaskContext
from app.services.workspaces import OpenProject, now
from app.store import audit, lineage
from app.store.tables import OnlinePublish

if TYPE_CHECKING:
    from app.features.join import Pinned


EVER = 2**63 - 1
"""A thing's keys may be asked for before it happens: the spine's rows are known at any moment."""


@dataclass(frozen=True)
class OnlineRows:
    """One view of a publish; `waiting` rows are not known yet, `is_new` is false when what was online stayed."""

    view: str
    rows: int
    waiting: int
    is_new: bool


@dataclass(frozen=True)
class Materialized:
    """What can be read online from now on."""

    version: int
    rows: int
    views: tuple[OnlineRows, ...]
    says: str


def materialize(task: TaskContext) -> Materialized:
    """Publish a feature set online (parameter `feature_set`, else the newest); unchanged views are not written again.

    All views switch in one transaction of the online store. A process that dies before it leaves the old rows; one that
    dies after it leaves a publish that the next run finds and records. Raises NotFound, Damaged for lost tables,
    Refused for features that lack what the deployed model takes.
    """
    run = task.run
    moment = _moment(run)
    info = chosen_set(run)
    require_fit(run.store.reader, run.project.name, info.version, info.views)
    online = open_online(run.project.workspace)
    try:
        known = online.views(run.project.name)
        sets = list(_row_sets(run.project, info, known, moment, is_replay="at" in run.parameters))
        total = max(sum(one.about.rows for one in sets if one.rows is not None), 1)
        if any(one.rows is not None for one in sets) or known.keys() != {one.about.view for one in sets}:
            online.publish(
                run.project.name, sets, now=moment, step=lambda done: task.progress(done, total, f"{done:,} rows")
            )
        elif any(known[one.about.view].feature_set != info.version for one in sets):
            online.publish(run.project.name, sets, now=moment)
    finally:
        online.close()
    views = tuple(OnlineRows(one.about.view, one.about.rows, one.about.waiting, one.rows is not None) for one in sets)
    return _recorded(task, info, views, moment)


def _moment(run: RunContext) -> datetime:
    """Now, or the moment that the run asks for (parameter `at`, ISO 8601), for a store as it would have been then."""
    text = run.parameters.get("at")
    if text is None:
        return now()
    try:
        found = datetime.fromisoformat(str(text))
        micros(found)
    except (ValueError, BadInput):
        raise BadInput(
            f"{str(text)[:60]!r} is no moment with a time zone",
            where="parameters.at",
            next_step="trainmaster features materialize --at 2013-03-31T18:00:00Z",
        ) from None
    return found


def chosen_set(run: RunContext) -> FeatureSetInfo:
    """The feature set that a run asks for (parameter `feature_set`), or the newest; raises NotFound or BadInput."""
    wanted = run.parameters.get("feature_set")
    if wanted is not None and (isinstance(wanted, bool) or not isinstance(wanted, int)):
        raise BadInput(
            f"feature_set is {str(wanted)[:60]!r}, not a version",
            where="parameters.feature_set",
            next_step="trainmaster features ls",
        )
    found = feature_sets(run.store, run.project_id)
    chosen = next((one for one in found if wanted is None or one.version == wanted), None)
    if chosen is None:
        which = "no features were built yet" if wanted is None else f"there is no version {wanted} of the features"
        raise NotFound(which, next_step="trainmaster features build")
    return chosen


def _row_sets(
    project: OpenProject, info: FeatureSetInfo, known: Mapping[str, OnlineView], moment: datetime, *, is_replay: bool
) -> Iterator[RowSet]:
    from app.features.join import Pinned

    tables = {name: Pinned.of_record(name, folder_of(project), record) for name, record in info.views.items()}
    spine = next(name for name in tables if info.views[name].get("is_spine"))
    for name, table in tables.items():
        digest = str(info.views[name]["digest"])
        columns = (
            _foreign_keys(tables, spine) if name == spine else [(one.name, str(one.kind)) for one in table.columns]
        )
        wanted = (tuple(column for column, _ in columns), table.entity)
        old = known.get(name)
        is_same = old is not None and old.digest == digest and (old.columns, old.entity) == wanted
        if old is not None and is_same and not old.waiting and not is_replay:
            yield RowSet(replace(old, feature_set=info.version), None)
        elif table.windows:
            yield _steps_of(project, info, table, digest, moment)
        elif table.entity:
            yield _rows_of(project, info, table, columns, digest, moment, is_spine=name == spine)


def _foreign_keys(tables: "Mapping[str, Pinned]", spine: str) -> list[tuple[str, str]]:
    """What the spine gives online: the keys of the views that are not its own, and never the target."""
    own = tables[spine].entity
    names = dict.fromkeys(key for name, table in tables.items() if name != spine for key in table.entity)
    return [(name, "key") for name in names if name not in own]


def _rows_of(
    project: OpenProject,
    info: FeatureSetInfo,
    table: "Pinned",
    columns: list[tuple[str, str]],
    digest: str,
    moment: datetime,
    *,
    is_spine: bool,
) -> RowSet:
    from app.features import offline
    from app.features.newest import key_kind, newest_rows

    times = [time for time in (table.event_time, table.created_time) if time is not None]
    names = list(dict.fromkeys([*table.entity, *times, *(name for name, _ in columns)]))
    stored = offline.read(table.folder, table.version, names)
    kinds = [key_kind(stored, name) if kind == "key" else kind for name, kind in columns]
    moves = table.event_time is not None and not is_spine
    found = newest_rows(
        stored,
        entity=table.entity,
        columns=[name for name, _ in columns],
        kinds=kinds,
        event_time=table.event_time,
        created_time=table.created_time,
        known_until_us=EVER if is_spine else micros(moment),
    )
    rows = found.rows if moves else ((key, None, None, *values) for key, _, _, *values in found.rows)
    about = OnlineView(
        project=project.name,
        view=table.name,
        is_spine=is_spine,
        entity=table.entity,
        key_kinds=found.key_kinds,
        columns=tuple(name for name, _ in columns),
        kinds=tuple(kinds),
        event_time=table.event_time if moves else None,
        created_time=table.created_time if moves else None,
        ttl_us=None if table.ttl is None else int(table.ttl.total_seconds() * 1_000_000),
        feature_set=info.version,
        digest=digest,
        rows=found.count,
        waiting=found.waiting,
        known_until=moment.isoformat(),
    )
    return RowSet(about, rows)


def _steps_of(project: OpenProject, info: FeatureSetInfo, table: "Pinned", digest: str, moment: datetime) -> RowSet:
    """A view over history: one row a change of what its windows say."""
    from app.features import offline
    from app.features.steps import empty_values, step_rows

    assert table.event_time is not None
    times = [time for time in (table.event_time, table.created_time) if time is not None]
    names = dict.fromkeys([*table.entity, *times, *(one.of for one in table.windows if one.of is not None)])
    found = step_rows(
        offline.read(table.folder, table.version, list(names)),
        entity=table.entity,
        event_time=table.event_time,
        created_time=table.created_time,
        aggregates=table.windows,
        from_us=micros(moment),
    )
    about = OnlineView(
        project=project.name,
        view=table.name,
        is_spine=False,
        entity=table.entity,
        key_kinds=found.key_kinds,
        columns=tuple(one.name for one in table.windows),
        kinds=("number",) * len(table.windows),
        event_time=table.event_time,
        created_time=table.created_time,
        ttl_us=None,
        feature_set=info.version,
        digest=digest,
        rows=found.count,
        waiting=0,
        known_until=moment.isoformat(),
        empty=empty_values({one.name: {"take": one.take} for one in table.windows}),
        ages=tuple(at for at, one in enumerate(table.windows) if one.take == "age"),
    )
    return RowSet(about, found.rows)


def _recorded(task: TaskContext, info: FeatureSetInfo, views: tuple[OnlineRows, ...], moment: datetime) -> Materialized:
    run = task.run
    written = [view for view in views if view.is_new]
    rows = sum(view.rows for view in views)
    waiting = sum(view.waiting for view in views)
    says = f"v{info.version} is online: {rows:,} rows, {len(written)} of {len(views)} views written"
    says += f", {waiting:,} rows are not known yet" if waiting else ""
    source, target = Ref("features", f"{run.project.name}/v{info.version}"), Ref("online", run.project.name)
    details: dict[str, Any] = {"run": run.key, "rows": rows, "views": [view.view for view in written]}
    with run.store.write() as session:
        session.add(
            OnlinePublish(
                project_id=run.project_id,
                run_id=run.run_id,
                feature_set_id=info.id,
                rows=rows,
                views=json.dumps([vars(view) for view in views]),
                known_until=moment,
                created_at=now(),
            )
        )
        lineage.link(session, [(source, target, "materialized")], now=moment)
        audit.record(
            session, actor=run.actor, action="features.materialized", subject=str(source), now=moment, details=details
        )
        task.complete(session, says=says, inputs=[source], outputs=[target])
    return Materialized(info.version, rows, views, says)
