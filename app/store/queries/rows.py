"""Turning rows of a query into frozen values."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

Value = TypeVar("Value")


def made(kind: type[Value], rows: Iterable[Mapping[str, Any]]) -> list[Value]:
    """One `kind` a row; the query names its columns as the fields of `kind`."""
    return [kind(**row) for row in rows]


def number(value: float | None, special: str | None) -> float:
    """The number behind a pair of columns: a finite value, or 'nan', 'inf', '-inf'.

    >>> number(0.5, None), number(None, "-inf")
    (0.5, -inf)
    """
    if value is not None:
        return float(value)
    return float(special or "nan")


def where(conditions: Iterable[str]) -> str:
    """A WHERE clause of the conditions that are not empty, or nothing.

    >>> where(["a = 1", "", "b = 2"]), where([])
    ('WHERE a = 1 AND b = 2', '')
    """
    kept = [condition for condition in conditions if condition]
    return "WHERE " + " AND ".join(kept) if kept else ""


def as_flags(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The row with the named columns as bool (SQLite keeps them as 0 and 1); missing values stay None.

    >>> as_flags({"a": 1, "b": 2}, "a")
    {'a': True, 'b': 2}
    """
    return {**row, **{name: None if row[name] is None else bool(row[name]) for name in names}}


def time_text(moment: datetime) -> str:
    """A moment as it is stored, so that SQL can compare it; raises ValueError for one without a zone.

    >>> time_text(datetime(2013, 1, 2, 3, tzinfo=UTC))
    '2013-01-02T03:00:00.000000Z'
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
