"""One frame out of pinned tables: the spine, and beside each of its rows what every view knew then."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.errors import BadInput
from app.domain.text import visible
from app.features import as_of, history, offline
from app.features.views import ViewColumn


@dataclass(frozen=True)
class Pinned:
    """One table of a feature set at its version, with the declaration that it was built under."""

    name: str
    folder: Path
    version: int
    columns: tuple[ViewColumn, ...]
    entity: tuple[str, ...]
    event_time: str | None
    created_time: str | None
    ttl: pd.Timedelta | None
    windows: tuple[history.Aggregate, ...] = ()

    @classmethod
    def of_record(cls, name: str, folder: Path, record: Mapping[str, object]) -> Self:
        """Read the record that a feature set keeps of a table."""
        columns, entity, ttl = record["columns"], record["entity"], record.get("ttl_hours")
        windows = record.get("windows") or {}
        assert isinstance(windows, dict)
        assert isinstance(columns, list)
        assert isinstance(entity, list)
        return cls(
            name,
            folder / str(record["table"]),
            int(str(record["version"])),
            tuple(ViewColumn(one["name"], one["kind"]) for one in columns),
            tuple(entity),
            _text(record.get("event_time")),
            _text(record.get("created_time")),
            pd.Timedelta(hours=float(str(ttl))) if ttl is not None else None,
            history.aggregates_of(windows),
        )


@dataclass(frozen=True)
class Labels:
    """Which columns of the spine are keys, times and target."""

    entity: tuple[str, ...]
    event_time: str | None
    label_time: str | None
    target: str

    @classmethod
    def of_record(cls, record: Mapping[str, object]) -> Self:
        """Read the record that a feature set keeps of its spine."""
        entity = record["entity"]
        assert isinstance(entity, list)
        return cls(
            tuple(entity), _text(record["event_time"]), _text(record["label_time"]), _text(record["target"]) or ""
        )


@dataclass(frozen=True)
class Spine:
    """The wanted rows of the spine, with the place that each has in the stored table, and that table."""

    frame: pd.DataFrame
    places: as_of.Positions
    stored: pa.Table

    def only(self, kept: npt.NDArray[np.bool_]) -> "Spine":
        """Some of the rows."""
        return Spine(self.frame[kept].reset_index(drop=True), self.places[kept], self.stored)


def spine_rows(table: Pinned, labels: Labels, window: tuple[datetime | None, datetime | None] | None) -> Spine:
    """The labelled rows, in the order of event time and entity; `window` keeps from <= event time < to."""
    stored = offline.read(table.folder, table.version)
    places = np.arange(stored.num_rows)
    rows = stored
    if window is not None:
        if labels.event_time is None:
            raise BadInput(
                "a window needs an event time, and this project has none", next_step="set [problem] event_time"
            )
        places = np.flatnonzero(_inside(stored[labels.event_time], window).to_numpy())
        rows = stored.take(pa.array(places))
    order = [*([labels.event_time] if labels.event_time else []), *labels.entity]
    if order:
        sorted_rows = pc.sort_indices(rows, [(name, "ascending") for name in order])
        rows, places = rows.take(sorted_rows), places[sorted_rows.to_numpy()]
    frame: pd.DataFrame = rows.to_pandas()
    return Spine(frame, places, stored)


def labelled(spine: Spine, target: str) -> Spine:
    """The rows that have a target; raises BadInput when there are rows, but none has one."""
    known = spine.frame[target].notna()
    if known.all():
        return spine
    if not known.any():
        raise BadInput(
            f"the target {visible(target)!r} is missing in every one of {len(known):,} rows: there is nothing to learn",
            next_step="deliver labelled rows, or correct the spine in features.py",
        )
    return spine.only(known.to_numpy())


class Source(Protocol):
    """Where the rows of a table come from: all of them, or at least those that a piece of the spine can meet."""

    def read(self, table: Pinned, columns: Sequence[str]) -> pa.Table:
        """Some columns of a table's rows, in stored order."""


class Whole:
    """Every row of a table."""

    def read(self, table: Pinned, columns: Sequence[str]) -> pa.Table:
        """All rows."""
        return offline.read(table.folder, table.version, columns)


def with_features(
    spine: Spine, tables: Iterable[Pinned], labels: Labels, source: Source | None = None, *, threads: int = 1
) -> tuple[pd.DataFrame, list[tuple[str, ViewColumn]]]:
    """The spine with the columns of every view beside it, as known at its event time; `threads` views at a time."""
    tables, source = list(tables), source or Whole()
    facts = Facts.of_tables(tables, source)
    keyed = _coded(spine.frame, tables, labels)
    parts: dict[str, pd.Series] = {str(name): spine.frame[name] for name in spine.frame.columns}
    with ThreadPoolExecutor(threads, "join") as pool:  # most of it is numpy and Arrow, which leave the interpreter
        for columns in pool.map(lambda table: _joined(spine, keyed, table, labels, facts, source), tables):
            parts.update(columns)
    found = [(table.name, column) for table in tables for column in table.columns]
    return pd.DataFrame(parts, copy=False), found


def _joined(
    spine: Spine, keyed: pd.DataFrame, table: Pinned, labels: Labels, facts: "Facts", source: Source
) -> dict[str, pd.Series]:
    """The columns of one view, as known at each row of the spine."""
    if table.windows:
        computed = windowed(keyed, table, labels, facts)
        return {str(name): computed[name] for name in computed.columns}
    stored = _stored(table, source)
    rows = _typed(stored, table)
    if table.event_time is not None and labels.event_time is not None:
        at = as_of.positions(
            keyed,
            rows,
            entity=table.entity,
            spine_time=labels.event_time,
            event_time=table.event_time,
            created_time=table.created_time,
            ttl=table.ttl,
        )
    elif all(stored[key].null_count == 0 and spine.stored[key].equals(stored[key]) for key in table.entity):
        at = spine.places  # row by row the same keys, of which a view without time has each once
    else:
        at = as_of.by_entity(keyed, rows, entity=table.entity)
    return _taken(rows, [column.name for column in table.columns], at, spine.frame.index)


def _taken(rows: pd.DataFrame, columns: Sequence[str], at: as_of.Positions, index: pd.Index) -> dict[str, pd.Series]:
    complete = bool((at >= 0).all())
    numbers = [name for name in columns if rows[name].dtype == np.float64]
    block = np.empty((len(numbers), len(at)))  # one piece of memory for all numbers: the system gives it in large pages
    for name, line in zip(numbers, block, strict=True):
        values = rows[name].to_numpy()
        np.take(values if complete else np.append(values, np.nan), at, out=line, mode="wrap")  # -1 is the last
    found = dict(zip(numbers, block, strict=True))
    for name in columns:
        if name not in found:
            values = rows[name].array
            found[name] = values.take(at) if complete else values.take(at, allow_fill=True)
    return {name: pd.Series(found[name], index=index, name=name, copy=False) for name in columns}


def _coded(spine: pd.DataFrame, tables: Sequence[Pinned], labels: Labels) -> pd.DataFrame:
    """The keys and the time of the spine; a text that several views are joined by is numbered once for all of them."""
    wanted = Counter(key for table in tables for key in table.entity)
    columns = dict.fromkeys([*wanted, *([labels.event_time] if labels.event_time else [])])
    found = {
        name: pd.Series(_categorical(pa.chunked_array([pa.array(spine[name], from_pandas=True)])), index=spine.index)
        if wanted[name] > 1 and pd.api.types.is_string_dtype(spine[name].dtype)
        else spine[name]
        for name in columns
    }
    return pd.DataFrame(found, copy=False)


@dataclass(frozen=True)
class Facts:
    """The facts of all views over history, each table read once, and the numbers of its key columns."""

    needed: Mapping[tuple[Path, int], tuple[str, ...]]
    source: Source
    _read: dict[tuple[Path, int], tuple[pd.DataFrame, dict[str, as_of.Codes]]] = field(default_factory=dict)
    _one: Lock = field(default_factory=Lock)

    @classmethod
    def of_tables(cls, tables: Iterable[Pinned], source: Source | None = None) -> Self:
        """What each table of facts will be asked for."""
        needed: dict[tuple[Path, int], dict[str, None]] = {}
        for table in tables:
            if table.windows:
                times = [time for time in (table.event_time, table.created_time) if time is not None]
                taken = [one.of for one in table.windows if one.of is not None]
                needed.setdefault((table.folder, table.version), {}).update(
                    dict.fromkeys([*table.entity, *times, *taken])
                )
        return cls({key: tuple(names) for key, names in needed.items()}, source or Whole())

    def of_table(self, table: Pinned) -> tuple[pd.DataFrame, dict[str, as_of.Codes]]:
        """The rows of one table and the numbers of its key columns so far, for one spine."""
        key = (table.folder, table.version)
        with self._one:
            if key not in self._read:
                self._read[key] = (self.source.read(table, self.needed[key]).to_pandas(), {})
            return self._read[key]


def windowed(spine: pd.DataFrame, table: Pinned, labels: Labels, facts: Facts | None = None) -> pd.DataFrame:
    """The columns of a view over history, for each row of a spine that has the view's keys and the event time."""
    assert labels.event_time is not None
    assert table.event_time is not None
    rows, codes = (facts or Facts.of_tables([table])).of_table(table)
    return history.over_windows(
        spine,
        rows,
        entity=table.entity,
        spine_time=labels.event_time,
        event_time=table.event_time,
        created_time=table.created_time,
        aggregates=table.windows,
        codes=codes,
    )


def _stored(table: Pinned, source: Source) -> pa.Table:
    times = [time for time in (table.event_time, table.created_time) if time is not None]
    needed = list(dict.fromkeys([*table.entity, *times, *(column.name for column in table.columns)]))
    return source.read(table, needed)


def _typed(rows: pa.Table, table: Pinned) -> pd.DataFrame:
    categories = {column.name for column in table.columns if column.kind == "category"}
    plain = [name for name in rows.column_names if name not in categories]
    frame: pd.DataFrame = rows.select(plain).to_pandas()
    for column in table.columns:
        values = rows[column.name]
        if column.kind == "category":
            frame[column.name] = _categorical(values)
        elif not pd.api.types.is_float_dtype(frame[column.name].dtype):
            frame[column.name] = frame[column.name].astype("float64")  # a float can say that a value is missing
    return frame


def _categorical(values: pa.ChunkedArray) -> pd.Categorical:
    """Text as a categorical with its categories in order, so that the same rows give the same codes."""
    coded = values.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    categories = coded.dictionary
    order = pc.sort_indices(categories).to_numpy()
    place = order.argsort()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    ranked = np.where(codes < 0, -1, place[codes]) if len(place) else codes
    texts = pd.Index(categories.take(pa.array(order)).to_pandas())
    return pd.Categorical.from_codes(ranked, categories=texts)


def _inside(times: pa.ChunkedArray, window: tuple[datetime | None, datetime | None]) -> pa.ChunkedArray:
    begin, end = window
    kept = pc.is_valid(times)
    if begin is not None:
        kept = pc.and_kleene(kept, pc.greater_equal(times, pa.scalar(begin, times.type)))
    if end is not None:
        kept = pc.and_kleene(kept, pc.less(times, pa.scalar(end, times.type)))
    return kept


def _text(value: object) -> str | None:
    return None if value is None else str(value)
