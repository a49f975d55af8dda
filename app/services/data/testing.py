"""Trying a source: does it answer, and what do its rows look like? Nothing is taken in."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.text import visible
from app.services.data.extracting import source_place
from app.services.workspaces import OpenProject
from app.store.queries.privacy import MASK

if TYPE_CHECKING:
    from app.data.connectors import SourcePlace

SAMPLE_ROWS = 5
LONGEST_CELL = 60


@dataclass(frozen=True)
class Tested:
    """A source that answered in `duration_s` seconds, and some of its rows as text, None for a missing value.

    Values of columns whose privacy class is personal or protected are hidden.
    """

    source: str
    kind: str
    place: str
    found: str | None
    duration_s: float
    columns: tuple[str, ...]
    rows: tuple[dict[str, str | None], ...]

    @property
    def says(self) -> str:
        """One line for people."""
        what = f"{self.found}, {len(self.columns)} columns" if self.found else "it answers, and holds no row now"
        return f"{self.source} ({self.kind}): {what}; {self.duration_s:.1f} s"


def try_source(project: OpenProject, source: str, *, rows: int = SAMPLE_ROWS) -> Tested:
    """Connect to a source, with the tries that it is given, and read a few rows.

    Raises what an ingest would: Unavailable, Refused, NotFound or BadInput, each naming the source; Usage for a source
    that project.toml does not declare.
    """
    from app.data import connectors, contract, readers

    place, begun = source_place(project, source), time.monotonic()
    connector = connectors.connector(place)
    with connectors.opened_spool(project.workspace.spool(project.name, source)) as spool:
        piece = connector.sample(spool, rows)
        raw = readers.read(piece.file, piece.shown) if piece else None
    columns: tuple[str, ...] = ()
    shown: tuple[dict[str, str | None], ...] = ()
    if raw is not None:
        columns = tuple(visible(name, longest=100) for name in raw.frame.columns)
        contract.require_columns([str(name) for name in raw.frame.columns], place.source, name=source, where=raw.file)
        private = {visible(name, longest=100) for name, rule in place.source.columns.items() if rule.is_private}
        head = raw.frame.head(rows)
        cells = head.astype(object).where(head.notna(), None).to_numpy().tolist()
        shown = tuple(
            {name: _shown(place, cell, name in private) for name, cell in zip(columns, row, strict=True)}
            for row in cells
        )
    found = piece.shown if piece else None
    taken_s = time.monotonic() - begun
    return Tested(source, place.source.kind.value, place.source.place, found, taken_s, columns, shown)


def _shown(place: "SourcePlace", cell: object, is_private: bool) -> str | None:
    if cell is None:
        return None
    return MASK if is_private else visible(place.secrets.masked(str(cell)), longest=LONGEST_CELL)


__all__ = ["Tested", "try_source"]
