"""A small profile of each column: kind, missing, distinct, range, and the values that are there most often."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.domain.project import canonical_json

TOP = 10
LONGEST_TOP_VALUE = 200


@dataclass(frozen=True)
class ColumnProfile:
    """One column of one snapshot; numbers are finite or None, times are ISO 8601 text."""

    name: str
    kind: str
    missing: int
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    top: tuple[tuple[str, int], ...] = ()


def profile(table: pa.Table) -> list[ColumnProfile]:
    """The profile of every column, in order.

    >>> age = profile(pa.table({"age": [31.0, None, 31.0]}))[0]
    >>> age.kind, age.missing, age.distinct, age.mean
    ('number', 1, 1, 31.0)
    """
    return [_profile(name, table[name]) for name in table.column_names]


def as_json(table: pa.Table, *, rows_in: int, reasons: Mapping[str, int]) -> bytes:
    """The profile as canonical JSON, with the books: rows in, accepted, and quarantined by rule."""
    document = {
        "rows_in": rows_in,
        "rows": table.num_rows,
        "quarantined": dict(reasons),
        "columns": [asdict(column) for column in profile(table)],
    }
    return canonical_json(document).encode()


def _profile(name: str, values: pa.ChunkedArray) -> ColumnProfile:
    missing, kind = values.null_count, values.type
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        counts = pc.value_counts(values.combine_chunks().drop_null())
        found = sorted(((count["counts"], count["values"]) for count in _most(counts)), key=_rank)
        top = tuple((str(value)[:LONGEST_TOP_VALUE], count) for count, value in found)
        return ColumnProfile(name, "boolean" if pa.types.is_boolean(kind) else "text", missing, len(counts), top=top)
    distinct = int(pc.count_distinct(values).as_py())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        ends = pc.min_max(values).as_py()
        return ColumnProfile(name, "time", missing, distinct, _iso(ends["min"]), _iso(ends["max"]))
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return ColumnProfile(name, "other", missing, distinct)
    ends = pc.min_max(values).as_py()
    mean = pc.mean(values).as_py()
    return ColumnProfile(name, "number", missing, distinct, _finite(ends["min"]), _finite(ends["max"]), _finite(mean))


def _most(counts: pa.StructArray) -> list[dict[str, Any]]:
    order = pc.select_k_unstable(counts.field("counts"), k=min(TOP, len(counts)), sort_keys=[("x", "descending")])
    most: list[dict[str, Any]] = counts.take(order).to_pylist()
    return most


def _rank(found: tuple[int, object]) -> tuple[int, str]:
    return -found[0], str(found[1])


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _iso(moment: date | None) -> str | None:
    return None if moment is None else moment.isoformat()
