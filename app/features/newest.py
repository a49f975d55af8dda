"""The newest known row of each entity in an offline table, as the tuples that the online store keeps.

It sorts whole histories, and shares no code with the point-in-time join, which `features verify-skew` holds it to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.errors import BadInput
from app.domain.text import visible
from app.features.online import Key, KeyKind, joined

Integers = npt.NDArray[np.int64]
NEVER = np.iinfo(np.int64).min
AT_ONCE = 50_000


@dataclass(frozen=True)
class Newest:
    """(key, event time, created time, *values) a row, sorted by key; times in microseconds since 1970, UTC.

    `waiting` rows were left out because they are not known at the moment that was asked for.
    """

    key_kinds: tuple[KeyKind, ...]
    rows: Iterator[tuple[Any, ...]]
    count: int
    waiting: int


def newest_rows(
    table: pa.Table,
    *,
    entity: Sequence[str],
    columns: Sequence[str],
    kinds: Sequence[str],
    known_until_us: int,
    event_time: str | None = None,
    created_time: str | None = None,
) -> Newest:
    """For each entity the row with the newest event time of those known at a moment (microseconds, UTC).

    A row counts from the later of its event and created time. Of equal event times the newest created time is taken,
    then the last in the table. Rows that lack a key or a time are left out. `kinds` are number, category, or those of
    keys.

    >>> table = pa.table({"k": ["a", "a", "b"], "n": [1, 2, 3]})
    >>> found = newest_rows(table, entity=["k"], columns=["n"], kinds=["number"], known_until_us=0)
    >>> list(found.rows)
    [('a', None, None, 2.0), ('b', None, None, 3.0)]
    """
    key_kinds = tuple(key_kind(table, name) for name in entity)
    usable = np.ones(table.num_rows, bool)
    for name in entity:
        usable &= pc.is_valid(table[name]).to_numpy()
    event, created = (_microseconds(table, name) for name in (event_time, created_time))
    waiting = 0
    if event is not None:
        known = event if created is None else np.maximum(event, created)
        usable &= event != NEVER
        if created is not None:
            usable &= created != NEVER
        waiting = int((usable & (known > known_until_us)).sum())
        usable &= known <= known_until_us
    rows = np.flatnonzero(usable)
    if event is not None or len(rows):
        rows = _last_of_each(table, entity, rows, event, created)
    taken = table.select(list(dict.fromkeys([*entity, *columns]))).take(pa.array(rows))
    times = [None if part is None or event is None else part[rows] for part in (event, created)]
    if len(rows):  # in the order of the keys: a tree that grows at its end is filled in half the time
        order = pc.sort_indices(taken, [(name, "ascending") for name in entity])
        taken, times = taken.take(order), [part if part is None else part[order.to_numpy()] for part in times]
    kept = _Kept(taken, tuple(entity), key_kinds, tuple(columns), tuple(kinds), times)
    return Newest(key_kinds, kept.rows(), len(rows), waiting)


@dataclass(frozen=True)
class _Kept:
    taken: pa.Table
    entity: tuple[str, ...]
    key_kinds: tuple[KeyKind, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    times: list[Integers | None]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As tuples, some at a time: a table as Python's values takes ten times its memory."""
        for begin in range(0, self.taken.num_rows, AT_ONCE):
            part = self.taken.slice(begin, AT_ONCE)
            keys = [values_of(part[name], kind) for name, kind in zip(self.entity, self.key_kinds, strict=True)]
            key = keys[0] if len(keys) == 1 else [joined(one) for one in zip(*keys, strict=True)]
            times = [
                [None] * part.num_rows if time is None else time[begin : begin + AT_ONCE].tolist()
                for time in self.times
            ]
            values = [values_of(part[name], kind) for name, kind in zip(self.columns, self.kinds, strict=True)]
            yield from zip(key, *times, *values, strict=True)


def keys_of(table: pa.Table, entity: Sequence[str], kinds: Sequence[KeyKind]) -> list[Key]:
    """The keys of a table's rows, each once, in the order in which they first come; rows that lack one are left out."""
    parts = [values_of(table[name], kind) for name, kind in zip(entity, kinds, strict=True)]
    usable = np.ones(table.num_rows, bool)
    for name in entity:
        usable &= pc.is_valid(table[name]).to_numpy()
    found = parts[0] if len(parts) == 1 else [joined(one) for one in zip(*parts, strict=True)]
    return list(dict.fromkeys(key for key, able in zip(found, usable.tolist(), strict=True) if able))


def key_kind(table: pa.Table, name: str) -> KeyKind:
    """How a key column is kept; raises BadInput for a type that names nothing."""
    kind = table.schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return "text"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return "time"
    raise BadInput(
        f"the key {visible(name)!r} holds values of type {visible(kind)}", next_step="make it text in features.py"
    )


def _last_of_each(
    table: pa.Table, entity: Sequence[str], rows: Integers, event: Integers | None, created: Integers | None
) -> Integers:
    codes = np.zeros(len(rows), np.int64)
    for name in entity:
        coded = table[name].take(pa.array(rows)).combine_chunks()
        coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
        codes = codes * max(len(coded.dictionary), 1) + coded.indices.to_numpy(zero_copy_only=False)
        if len(entity) > 1:
            _, codes = np.unique(codes, return_inverse=True)  # keeps the numbers small, however many columns
    times = [part[rows] for part in (created, event) if part is not None]
    order = np.lexsort((rows, *times, codes))
    ends = np.ones(len(order), bool)
    ends[:-1] = codes[order][1:] != codes[order][:-1]
    found: Integers = rows[order[ends]]
    return found


def values_of(column: pa.ChunkedArray, kind: str) -> list[Any]:
    """A column as Python's values: missing numbers as NaN, which becomes NULL in the store; times in microseconds."""
    match kind:
        case "number":
            return list(column.cast(pa.float64()).to_numpy(zero_copy_only=False).tolist())
        case "integer":
            whole = column.cast(pa.int64())
            return list(whole.to_pylist() if whole.null_count else whole.to_numpy().tolist())
        case "time":
            stamps = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
            return list(stamps.to_pylist() if stamps.null_count else stamps.to_numpy().tolist())
        case _:
            return list(column.cast(pa.string()).to_numpy(zero_copy_only=False).tolist())


def _microseconds(table: pa.Table, name: str | None) -> Integers | None:
    if name is None:
        return None
    stamps = table[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(int(NEVER))
    found: Integers = stamps.combine_chunks().to_numpy(zero_copy_only=False)
    return found
