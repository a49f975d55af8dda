"""Does `by = "snapshot"` hold? Rows that are computed beside another snapshot must be those that are computed alone."""

from typing import TYPE_CHECKING

from app.domain.errors import BadInput, Place
from app.services import data
from app.services.features.planning import Plan, TablePlan
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    import pandas as pd

ENOUGH_PARTS = 2


def unproved_parts(planned: Plan) -> tuple[str, ...]:
    """The divided tables that a build has to look at: their rules are new, or they have parts beside each other now."""
    return tuple(
        name
        for name, table in planned.tables.items()
        if table.is_divided and table.older is None and (table.has_new_rules or len(table.parts) == ENOUGH_PARTS)
    )


def prove_local(
    store: Store, project: OpenProject, planned: Plan, only: tuple[str, ...] | None = None, *, rows: int
) -> tuple[str, ...]:
    """Compute tables by snapshot from two neighbours, alone and together; raises BadInput for one that differs.

    Looks at the last and the first rows, at most `rows` of each, of the two newest snapshots. Gives the tables that
    were compared: with a single snapshot there is nothing to compare yet.
    """
    tables = [t for name, t in planned.tables.items() if t.is_divided and (only is None or name in only)]
    compared = []
    for source in sorted({table.source for table in tables if table.source is not None}):
        frames = _neighbours(store, planned, source, rows)
        if frames is not None:
            for table in tables:
                if table.source == source:
                    _compare(project, planned, table, *frames)
                    compared.append(table.function)
    return tuple(compared)


def _neighbours(store: Store, planned: Plan, source: str, rows: int) -> "tuple[pd.DataFrame, pd.DataFrame] | None":
    from app.data.shapes import read_as, shape_of, whole_shape

    chosen = [one for one in planned.snapshots if one.source == source and one.rows][-2:]
    if len(chosen) < ENOUGH_PARTS:
        return None
    contents = [data.snapshot_bytes(store, one) for one in chosen]
    shape = whole_shape([shape_of(content) for content in contents])
    one, other = (read_as(content, shape) for content in contents)
    return one.tail(rows).reset_index(drop=True), other.head(rows).reset_index(drop=True)


def _compare(project: OpenProject, planned: Plan, table: TablePlan, one: "pd.DataFrame", other: "pd.DataFrame") -> None:
    import pandas as pd

    from app.features import future

    alone = pd.concat([_computed(project, planned, table, frame) for frame in (one, other)], ignore_index=True)
    together = _computed(project, planned, table, pd.concat([one, other], ignore_index=True))
    keys = [name for name in _keys(project, table.function) if name in alone.columns and name in together.columns]
    found = future.leak(together, alone, keys, rows_may_go=False, else_says="from its snapshot alone")
    if found is None:
        return
    what = f"its column {found.column!r}" if found.column else "its rows"
    raise BadInput(
        f"the function {table.function!r} needs more than one snapshot: {what} differ in {found.rows:,} rows when two "
        f"snapshots are computed together ({found.example})",
        where=str(Place(planned.rules.file, line=planned.rules.rules[table.function].line)),
        next_step=f"take by = 'snapshot' away from {table.function}, or compute each row from its own snapshot",
    )


def _computed(project: OpenProject, planned: Plan, table: TablePlan, rows: "pd.DataFrame") -> "pd.DataFrame":
    from app.features import rules as engine

    assert table.source is not None
    frames = {table.source: rows}
    for step in planned.rules.order([table.function], list(project.file.sources)):
        frames[step] = engine.run(planned.rules, step, frames)
    return frames[table.function]


def _keys(project: OpenProject, function: str) -> list[str]:
    """By what the rows of a table are told apart; repeated ones by their order."""
    problem = project.file.problem
    if function == project.file.spine.function:
        found = [*problem.entity, problem.event_time]
    else:
        view = next(v for name, v in project.file.views.items() if function in (name, v.history))
        found = [*view.entity, view.event_time]
    return [name for name in dict.fromkeys(found) if name is not None]
