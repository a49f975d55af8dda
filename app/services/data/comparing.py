"""Comparing two snapshots: columns, counts, and how far the values have moved."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.services.data.profiles import snapshot_named
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store

if TYPE_CHECKING:
    from app.data.comparing import ColumnCompared


@dataclass(frozen=True)
class Side:
    """One of the two: its key, source, books and digest."""

    snapshot: str
    source: str
    rows_in: int
    rows: int
    quarantined: int
    digest: str


@dataclass(frozen=True)
class SnapshotsCompared:
    """Two snapshots and every column of either."""

    before: Side
    after: Side
    columns: "tuple[ColumnCompared, ...]"

    @property
    def says(self) -> str:
        """One line for people."""
        if self.before.digest == self.after.digest:
            return "they are the same"
        moved = [column.name for column in self.columns if column.has_moved]
        rows = self.after.rows - self.before.rows
        return f"{rows:+,} rows; {len(moved)} of {len(self.columns)} columns have moved"


def compare_snapshots(store: Store, project: OpenProject, before: str, after: str) -> SnapshotsCompared:
    """Compare two snapshots by their keys, or the beginnings of them; raises NotFound.

    Of private columns only counts and distances are given, no values.
    """
    from app.data import comparing, snapshots

    found = [snapshot_named(store, project, name) for name in (before, after)]
    with store.read() as session:
        tables = [snapshots.table_of(artifacts.get(session, one.artifact)) for one in found]
    rules = {
        name: rule
        for one in found
        if one.source in project.file.sources
        for name, rule in project.file.sources[one.source].columns.items()
    }
    private = frozenset(name for name, rule in rules.items() if rule.is_private)
    sides = [Side(one.key, one.source, one.rows_in, one.rows, one.quarantined, one.digest) for one in found]
    return SnapshotsCompared(sides[0], sides[1], tuple(comparing.compare(tables[0], tables[1], private=private)))
