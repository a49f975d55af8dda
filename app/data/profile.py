"""A small profile of each column: kind, missing, distinct, range, and the values that are there most often."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from app.data.types import is_text
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


def profile(frame: pd.DataFrame) -> list[ColumnProfile]:
    """The profile of every column, in order.

    >>> age = profile(pd.DataFrame({"age": [31.0, None, 31.0]}))[0]
    >>> age.kind, age.missing, age.distinct, age.mean
    ('number', 1, 1, 31.0)
    """
    return [_profile(str(name), frame[name]) for name in frame.columns]


def as_json(frame: pd.DataFrame, *, rows_in: int, reasons: Mapping[str, int]) -> bytes:
    """The profile as canonical JSON, with the books: rows in, accepted, and quarantined by rule."""
    document = {
        "rows_in": rows_in,
        "rows": len(frame),
        "quarantined": dict(reasons),
        "columns": [asdict(column) for column in profile(frame)],
    }
    return canonical_json(document).encode()


def _profile(name: str, values: pd.Series) -> ColumnProfile:
    missing = int(values.isna().sum())
    if is_text(values):
        counts = values.value_counts()
        top = tuple((str(value)[:LONGEST_TOP_VALUE], int(count)) for value, count in counts.head(TOP).items())
        return ColumnProfile(name, "text", missing, len(counts), top=top)
    distinct = int(values.nunique())
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        low, high = values.min(), values.max()
        return ColumnProfile(name, "time", missing, distinct, _iso(low), _iso(high))
    if pd.api.types.is_bool_dtype(values.dtype):
        counts = values.value_counts()
        top = tuple((str(value).lower(), int(count)) for value, count in counts.items())
        return ColumnProfile(name, "boolean", missing, distinct, top=top)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return ColumnProfile(name, "other", missing, distinct)
    present = values.dropna().astype("float64")
    return ColumnProfile(
        name, "number", missing, distinct, _finite(present.min()), _finite(present.max()), _finite(present.mean())
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _iso(moment: pd.Timestamp) -> str | None:
    return None if pd.isna(moment) else moment.isoformat()
