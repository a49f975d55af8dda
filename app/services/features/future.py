"""`features test`: no rule may read the future, by event time, by created time or by an answer that comes later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.domain.errors import BadInput, Place
from app.services import data
from app.services.features.comparing import project_id_of
from app.services.features.locality import prove_local
from app.services.features.planning import Plan, plan, wanted_functions
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    import pandas as pd

    from app.features.future import Leak

ROWS = 20_000
"""How many rows of each source `features test` looks at: the newest."""
ROWS_IN_A_BUILD = 4_000
CUTS = (0.3, 0.7)
"""Which shares of each source's rows come before a cut."""
Frames = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Tested:
    """What was tested: tables, cuts, rows of the sources; `unproved` says what could not be tested, and why."""

    tables: tuple[str, ...]
    cuts: int
    rows: int
    unproved: tuple[str, ...]

    @property
    def says(self) -> str:
        """One line for people."""
        return f"{len(self.tables)} tables read no future at {self.cuts} cuts of {self.rows:,} rows"


def prove(
    store: Store, project: OpenProject, planned: Plan, only: tuple[str, ...] | None = None, rows: int = ROWS
) -> Tested:
    """Compute the tables with and without what came after a cut; raises BadInput for the first one that differs.

    A row counts as known by the later of its event and created time; a view by entity alone as known with its entity.
    """
    import pandas as pd

    tables = tuple(name for name in (only or wanted_functions(project)) if name in planned.tables)
    frames = _newest_rows(store, project, planned, tables, rows)
    times = {
        source: pd.to_datetime(frame[time], utc=True, errors="coerce")
        for source, frame in frames.items()
        if (time := _time_of(project, source)) is not None and time in frame.columns
    }
    unproved = [f"source {source} has no time to cut at" for source in frames if source not in times]
    rows = sum(len(frame) for frame in frames.values())
    moments = pd.concat(list(times.values())).dropna() if times else pd.Series(dtype="datetime64[us, UTC]")
    if moments.empty:
        return Tested(tables, 0, rows, tuple(unproved))
    whole = _computed(project, planned, frames, tables)
    ordered = [one.dropna().sort_values() for one in times.values()]
    cuts = sorted({pd.Timestamp(one.iloc[int(len(one) * share)]) for one in ordered if len(one) for share in CUTS})
    for cut in cuts:
        early = {
            source: frame[(times[source] <= cut).to_numpy()].reset_index(drop=True) if source in times else frame
            for source, frame in frames.items()
        }
        _compare(project, planned, whole, _computed(project, planned, early, tables), tables, cut, rows_may_go=True)
        hidden = _without_answers(project, planned, frames, cut)
        if hidden is None:
            continue
        _compare(project, planned, whole, _computed(project, planned, hidden, tables), tables, cut, rows_may_go=False)
    if not project.file.spine.known_later:
        unproved.append("[spine] known_later names no column, so answers were not hidden")
    return Tested(tables, len(cuts), rows, tuple(unproved))


def prove_project(store: Store, project: OpenProject) -> Tested:
    """The same for every table of a project, and that parts can be computed alone; raises NotFound before an ingest."""
    planned = plan(store, project, project_id_of(store, project.name))
    tested = prove(store, project, planned)
    compared = prove_local(store, project, planned, rows=ROWS)
    alone = [name for name, table in planned.tables.items() if table.is_divided and name not in compared]
    unproved = [f"{name} has one snapshot: nothing to compare by = 'snapshot' with" for name in alone]
    return replace(tested, unproved=(*tested.unproved, *unproved))


def _time_of(project: OpenProject, source: str) -> str | None:
    """The time of a source's rows: the declared one, or its only column of times."""
    declared = project.file.sources[source]
    times = [name for name, column in declared.columns.items() if column.type == "time"]
    return declared.time or (times[0] if len(times) == 1 else None)


def _newest_rows(
    store: Store, project: OpenProject, planned: Plan, tables: tuple[str, ...], rows: int
) -> "dict[str, pd.DataFrame]":
    """The newest snapshots of each source that the tables read, until there are enough rows."""
    from app.data.snapshots import unpack

    sources = list(project.file.sources)
    frames = {}
    for source in sorted({name for table in tables for name in planned.rules.sources_of(table, sources)}):
        chosen: list[data.SnapshotInfo] = []
        for snapshot in reversed([one for one in planned.snapshots if one.source == source]):
            chosen.insert(0, snapshot)
            if sum(one.rows for one in chosen) >= rows:
                break
        contents = [data.snapshot_bytes(store, one) for one in chosen]
        frames[source] = unpack(contents, [one.path for one in chosen], source=source).tail(rows).reset_index(drop=True)
    return frames


def _computed(
    project: OpenProject, planned: Plan, sources: Frames, tables: tuple[str, ...]
) -> "dict[str, pd.DataFrame]":
    from app.features import rules as engine

    frames = dict(sources)
    for step in planned.rules.order([*tables, project.file.spine.function], list(project.file.sources)):
        if all(name in frames for name in planned.rules.rules[step].parameters):
            frames[step] = engine.run(planned.rules, step, frames)
    return frames


def _without_answers(
    project: OpenProject, planned: Plan, sources: Frames, cut: "pd.Timestamp"
) -> "dict[str, pd.DataFrame] | None":
    """The sources with the answers hidden that were not known at the cut; None when there is no way to tell."""
    import pandas as pd

    spine, label_time = project.file.spine, project.file.problem.label_time
    read = planned.rules.sources_of(spine.function, list(project.file.sources))
    if not spine.known_later or label_time is None or len(read) != 1 or read[0] not in sources:
        return None
    frame = sources[read[0]].copy()
    labelled = _computed(project, planned, sources, (spine.function,)).get(spine.function)
    if labelled is None or len(labelled) != len(frame):
        return None
    later = ~(pd.to_datetime(labelled[label_time], utc=True) <= cut).to_numpy()
    for column in spine.known_later:
        if column not in frame.columns:
            raise BadInput(
                f"[spine] known_later names {column!r}, which source {read[0]} does not have",
                where=f"projects/{project.name}/project.toml",
                next_step="correct [spine] known_later",
            )
        is_number = pd.api.types.is_numeric_dtype(frame[column].dtype)
        frame[column] = (frame[column].astype("float64") if is_number else frame[column]).mask(later)
    return {**sources, read[0]: frame}


def _compare(
    project: OpenProject,
    planned: Plan,
    whole: Frames,
    seen: Frames,
    tables: tuple[str, ...],
    cut: "pd.Timestamp",
    *,
    rows_may_go: bool,
) -> None:
    from app.features import future

    for name, view in project.file.views.items():
        function = view.history or name
        if function not in tables or function not in seen:
            continue
        times = [time for time in (view.event_time, view.created_time) if time is not None]
        one, other = whole[function], seen[function]
        if view.event_time is None:
            one, other = _known_entities(project, one, other, whole, cut, list(view.entity))
        one, other = (frame[future.known_by(frame, times, cut)] for frame in (one, other))
        found = future.leak(one, other, [*view.entity, *times], rows_may_go=rows_may_go and not times)
        if found is not None:
            raise _refused(planned, function, cut, found)


def _known_entities(
    project: OpenProject,
    one: "pd.DataFrame",
    other: "pd.DataFrame",
    whole: Frames,
    cut: "pd.Timestamp",
    keys: list[str],
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Of a view by entity alone, the rows that a spine row of before the cut would have read."""
    import pandas as pd

    spine, event_time = whole.get(project.file.spine.function), project.file.problem.event_time
    if spine is None or event_time is None or not set(keys) <= set(spine.columns):
        return one, other
    early = spine.loc[(pd.to_datetime(spine[event_time], utc=True) <= cut).to_numpy(), keys].drop_duplicates()
    return one.merge(early, on=keys), other.merge(early, on=keys)


def _refused(planned: Plan, function: str, cut: "pd.Timestamp", found: "Leak") -> BadInput:
    what = f"its column {found.column!r}" if found.column else "its rows"
    return BadInput(
        f"the function {function!r} reads the future: {what} of before {cut:%Y-%m-%d %H:%M} UTC changed in "
        f"{found.rows:,} rows when what became known later was taken away ({found.example})",
        where=str(Place(planned.rules.file, line=planned.rules.rules[function].line)),
        next_step="use only what was known at the event time, or declare the created_time at which a row is known",
    )
