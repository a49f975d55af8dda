"""Going through a feature set in pieces of the spine, each with what its views knew: memory holds one piece at a time.

A piece is a stretch of event time. Of a view with a time only rows that are young enough for the piece are read, of one
without only rows with its keys; groups of rows that the files' statistics rule out are not even opened.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.features import offline
from app.features.as_of import NEVER, microseconds
from app.features.join import Labels, Pinned, Spine, with_features
from app.features.scanning import pieces

ROWS = 65_536
"""Rows of a piece; one instant, or hour, with more rows is one larger piece."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
HOUR_US = HOUR // MICROSECOND
Window = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Piece:
    """Rows of the spine: those with begin <= event time < end; or, without times, those from place `first` on."""

    rows: int
    begin: datetime | None = None
    end: datetime | None = None
    first: int = 0
    timeless: bool = False


def plan(spine: Pinned, labels: Labels, window: Window | None = None, *, rows: int = ROWS) -> list[Piece]:
    """How the rows of a window are divided; the same stored rows are always divided in the same way."""
    if labels.event_time is None:
        count = sum(part.num_rows for part in pieces(spine.folder, spine.version, list(labels.entity)[:1]))
        return [Piece(min(rows, count - at), first=at, timeless=True) for at in range(0, count, rows)]
    counts: dict[int, int] = {}
    missing = 0
    for stored in pieces(spine.folder, spine.version, [labels.event_time], within=_bounds(labels, window)):
        moments = microseconds(stored.to_pandas()[labels.event_time])
        missing += int((moments == NEVER).sum())
        inside = moments[_inside(moments, window)]
        hours, numbers = np.unique(inside // HOUR_US, return_counts=True)
        for hour, number in zip(hours.tolist(), numbers.tolist(), strict=True):
            counts[hour] = counts.get(hour, 0) + number
    found = list(_grouped(counts, window, rows))
    return [*found, Piece(missing, timeless=True)] if missing and window is None else found


def _grouped(counts: Mapping[int, int], window: Window | None, rows: int) -> Iterator[Piece]:
    """Hours put together until they hold as many rows as a piece may."""
    low, high = window or (None, None)
    taken, begin = 0, None
    hours = sorted(counts)
    for at, hour in enumerate(hours):
        begin = hour if begin is None else begin
        taken += counts[hour]
        following = counts[hours[at + 1]] if at + 1 < len(hours) else rows
        if taken + following > rows:
            first, last = EPOCH + begin * HOUR, EPOCH + (hour + 1) * HOUR
            yield Piece(taken, max(first, low) if low else first, min(last, high) if high else last)
            taken, begin = 0, None


def frame_of(piece: Piece, spine: Pinned, tables: Sequence[Pinned], labels: Labels) -> pd.DataFrame:
    """The rows of one piece in the order of event time and entity, with the columns of every view."""
    times = [labels.event_time] if labels.event_time else []
    keys = [key for table in tables for key in table.entity]
    columns = list(dict.fromkeys([*labels.entity, *times, *keys]))
    stored = _rows(piece, spine, labels, columns)
    order = pc.sort_indices(stored, [(name, "ascending") for name in (*times, *labels.entity)])
    rows = Spine(stored.take(order).to_pandas(), order.to_numpy(), stored)
    frame, _ = with_features(rows, tables, labels, Sliced(piece, tables, labels, stored))
    return frame


class Sliced:
    """The rows of each table that a piece of the spine can meet, in stored order."""

    def __init__(self, piece: Piece, tables: Sequence[Pinned], labels: Labels, spine: pa.Table) -> None:
        self._piece, self._labels, self._spine = piece, labels, spine
        self._oldest: dict[tuple[Path, int], pd.Timedelta] = {}
        for table in tables:
            for one in table.windows:
                key = (table.folder, table.version)
                self._oldest[key] = max(self._oldest.get(key, one.window), one.window)

    def read(self, table: Pinned, columns: Sequence[str]) -> pa.Table:
        """What the piece can meet."""
        within: dict[str, tuple[Any, Any]] = {}
        timed = table.event_time is not None and self._labels.event_time is not None
        if timed and self._piece.begin is not None:
            assert table.event_time is not None
            age = self._oldest[table.folder, table.version] if table.windows else table.ttl
            low = None if age is None else self._piece.begin - age.to_pytimedelta() - MICROSECOND
            within[table.event_time] = (low, self._piece.end)
        values = {} if table.windows else {key: pc.unique(self._spine[key]).drop_null() for key in table.entity}
        for key, distinct in values.items():
            bounds = pc.min_max(distinct).as_py() if len(distinct) else {}
            within[key] = (bounds.get("min"), bounds.get("max"))
        kept = [
            part.filter(mask)
            for part in pieces(table.folder, table.version, columns, within=within)
            if (mask := _met(part, table, within, values)) is not None
        ]
        empty = offline.schema_of(table.folder, table.version)
        fields = [empty.field(name).remove_metadata() for name in columns]
        return pa.concat_tables([pa.schema(fields).empty_table(), *kept]).combine_chunks()


def _met(
    part: pa.Table, table: Pinned, within: Mapping[str, tuple[Any, Any]], values: Mapping[str, pa.Array]
) -> pa.ChunkedArray | None:
    """Which rows can be met by the piece; None when no row can."""
    mask = pa.chunked_array([pa.array(np.ones(part.num_rows, dtype=bool))])
    time = table.event_time
    if time is not None and time in within:
        low, high = within[time]
        times = part[time]
        if low is not None:
            mask = pc.and_(mask, pc.fill_null(pc.greater_equal(times, pa.scalar(low, times.type)), False))
        mask = pc.and_(mask, pc.fill_null(pc.less_equal(times, pa.scalar(high, times.type)), False))
    for key, distinct in values.items():
        try:
            wanted = distinct.cast(part[key].type)
        except pa.ArrowException:  # keys of another type: the join says so
            continue
        mask = pc.and_(mask, pc.is_in(part[key], value_set=wanted))
    return mask if pc.any(mask).as_py() else None


def _rows(piece: Piece, spine: Pinned, labels: Labels, columns: list[str]) -> pa.Table:
    """The stored rows of a piece."""
    time, found, seen = labels.event_time, [], 0
    bounds = _bounds(labels, (piece.begin, piece.end))
    for part in pieces(spine.folder, spine.version, columns, within=bounds):
        if time is not None:
            moments = microseconds(part.select([time]).to_pandas()[time])
            kept = moments == NEVER if piece.timeless else _inside(moments, (piece.begin, piece.end))
            found.append(part.filter(pa.array(kept)))
        else:
            low = min(max(piece.first - seen, 0), part.num_rows)
            found.append(part.slice(low, max(min(piece.first + piece.rows - seen, part.num_rows) - low, 0)))
            seen += part.num_rows
    return pa.concat_tables(found).combine_chunks()


def _inside(moments: np.ndarray[Any, np.dtype[np.int64]], window: Window | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    low, high = window or (None, None)
    kept: np.ndarray[Any, np.dtype[np.bool_]] = moments != NEVER
    if low is not None:
        kept &= moments >= (low - EPOCH) // MICROSECOND
    if high is not None:
        kept &= moments < (high - EPOCH) // MICROSECOND
    return kept


def _bounds(labels: Labels, window: Window | None) -> dict[str, tuple[Any, Any]]:
    low, high = window or (None, None)
    return {labels.event_time: (low, high)} if labels.event_time and (low or high) else {}


__all__ = ["ROWS", "Piece", "frame_of", "plan"]
