"""Column types that refuse what a database would silently change."""

import math
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, String, Text
from sqlalchemy.types import TypeDecorator

from app.store.moments import parse_utc, utc_text


class UtcTime(TypeDecorator[datetime]):
    """A moment, stored as fixed-width ISO 8601 text in UTC, so that text order is time order.

    >>> from datetime import UTC
    >>> UtcTime().process_bind_param(datetime(2013, 1, 2, 3, tzinfo=UTC), None)
    '2013-01-02T03:00:00.000000Z'
    """

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Text of an aware moment; raises ValueError for a naive one."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """The moment of a text."""
        return None if value is None else parse_utc(value)


class Finite(TypeDecorator[float]):
    """A float that is neither NaN nor infinite; SQLite would turn NaN into NULL without a word."""

    impl = Float(53)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Any) -> float | None:
        """The number; raises ValueError for NaN and infinity."""
        if value is None:
            return None
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{number} cannot be stored as a number")
        return number


class Word(TypeDecorator[StrEnum]):
    """A member of a StrEnum, stored as its value, so that plain SQL reads the same word as the code."""

    impl = String(32)
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__(32)
        self.kind = kind

    def process_bind_param(self, value: StrEnum | str | None, dialect: Any) -> str | None:
        """The value; raises ValueError for a word that is not a member."""
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Any) -> StrEnum | None:
        """The member."""
        return None if value is None else self.kind(value)


LongText = Text


def split_number(value: float) -> tuple[float | None, str | None]:
    """A metric's value as (finite number, None) or (None, 'nan' | 'inf' | '-inf'), so that nothing is lost.

    >>> split_number(0.5), split_number(float("nan")), split_number(float("-inf"))
    ((0.5, None), (None, 'nan'), (None, '-inf'))
    """
    number = float(value)
    if math.isfinite(number):
        return number, None
    return None, "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")


def join_number(value: float | None, special: str | None) -> float:
    """Inverse of `split_number`; raises ValueError when both are missing."""
    if value is not None:
        return value
    if special is None:
        raise ValueError("a metric has neither a value nor a special value")
    return float(special)


def number_of(text: str) -> float | None:
    """The finite number that a text writes, or None.

    >>> number_of("7"), number_of("1e-3"), number_of("lightgbm"), number_of("nan"), number_of("1_0")
    (7.0, 0.001, None, None, None)
    """
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
