"""Computing the tables of a plan, outside any transaction: whole ones at once, divided ones a snapshot at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.services import data
from app.services.data import SnapshotInfo
from app.services.features.planning import Plan, TablePlan
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    import pandas as pd

Says = Callable[[str], None]


@dataclass(frozen=True)
class Computed:
    """The frames of the tables that a build has to write: whole ones, and parts by function and name."""

    whole: "dict[str, pd.DataFrame]" = field(default_factory=dict)
    parts: "dict[str, dict[str, pd.DataFrame]]" = field(default_factory=dict)

    def new_rows(self, function: str) -> "pd.DataFrame | None":
        """What was computed of a table, as one frame; None when nothing was."""
        import pandas as pd

        if function in self.whole:
            return self.whole[function]
        frames = list(self.parts.get(function, {}).values())
        filled = [frame for frame in frames if len(frame)] or frames[:1]
        return pd.concat(filled, ignore_index=True) if filled else None


def compute(store: Store, project: OpenProject, planned: Plan, says: Says) -> Computed:
    """Run the rules of every table that is not there yet; raises BadInput with file, line and function."""
    tables = [table for table in planned.tables.values() if table.older is None]
    computed = Computed(parts={table.function: {} for table in tables if table.is_divided})
    _divided(store, project, planned, [table for table in tables if table.is_divided], computed, says)
    _whole(store, project, planned, [table for table in tables if not table.is_divided], computed, says)
    return computed


def _whole(
    store: Store, project: OpenProject, planned: Plan, tables: list[TablePlan], computed: Computed, says: Says
) -> None:
    from app.data.snapshots import unpack
    from app.features import rules as engine

    sources, rules = list(project.file.sources), planned.rules
    steps = rules.order([table.function for table in tables], sources)
    frames: dict[str, pd.DataFrame] = {}
    for source in sorted({name for step in steps for name in rules.rules[step].parameters if name in sources}):
        chosen = [snapshot for snapshot in planned.snapshots if snapshot.source == source]
        contents = [data.snapshot_bytes(store, snapshot) for snapshot in chosen]
        frames[source] = unpack(contents, [snapshot.path for snapshot in chosen], source=source)
    for step in steps:
        says(f"computing {step}")
        frames[step] = engine.run(rules, step, frames)
    computed.whole.update({table.function: frames[table.function] for table in tables})


def _divided(
    store: Store, project: OpenProject, planned: Plan, tables: list[TablePlan], computed: Computed, says: Says
) -> None:
    from app.data.shapes import read_as
    from app.features import rules as engine

    rules = planned.rules
    for snapshot in _waiting(tables):
        wanting = [table for table in tables if _part(table, snapshot) is not None]
        source, shape = wanting[0].source, wanting[0].shape
        assert source is not None
        assert shape is not None
        frames = {source: read_as(data.snapshot_bytes(store, snapshot), shape)}
        says(f"computing {', '.join(table.function for table in wanting)} of {snapshot.path.rsplit('/', 1)[-1]}")
        for step in rules.order([table.function for table in wanting], list(project.file.sources)):
            frames[step] = engine.run(rules, step, frames)
        for table in wanting:
            name = _part(table, snapshot)
            assert name is not None
            computed.parts[table.function][name] = frames[table.function]


def _waiting(tables: Iterable[TablePlan]) -> list[SnapshotInfo]:
    """The snapshots that some table needs computed, each once, in order."""
    found = {part.snapshot.key: part.snapshot for table in tables for part in table.parts if part.is_new}
    return list(found.values())


def _part(table: TablePlan, snapshot: SnapshotInfo) -> str | None:
    names = (part.name for part in table.parts if part.is_new and part.snapshot.key == snapshot.key)
    return next(names, None)
