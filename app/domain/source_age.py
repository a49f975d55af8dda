"""How old the newest row of a source is against what its contract allows: one rule for ingest, lists and alarms."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SourceAge:
    """Hours since the newest row of a source (None: it has none), and those that are allowed (None: any)."""

    source: str
    age_h: float | None
    limit_h: float | None

    @property
    def is_stale(self) -> bool:
        """Whether it is older than allowed; a source with a limit and without a row is.

        >>> [SourceAge("orders", age, 24).is_stale for age in (23.0, 24.0, 24.1, None)]
        [False, False, True, True]
        """
        return self.limit_h is not None and (self.age_h is None or self.age_h > self.limit_h)

    @property
    def says(self) -> str:
        """One line for people.

        >>> SourceAge("orders", 48, 24).says
        'the newest row of orders is 48 h old, at most 24 h are allowed'
        """
        limit = f", at most {self.limit_h:,.10g} h are allowed" if self.limit_h is not None else ""
        if self.age_h is None:
            return f"{self.source} has no row yet{limit}"
        return f"the newest row of {self.source} is {self.age_h:,.0f} h old{limit}"


def source_age(source: str, newest: datetime | None, limit_h: float | None, *, at: datetime) -> SourceAge:
    """The age of a source's newest row at a moment.

    >>> from datetime import UTC
    >>> source_age("orders", datetime(2013, 1, 1, tzinfo=UTC), None, at=datetime(2013, 1, 3, tzinfo=UTC)).age_h
    48.0
    """
    return SourceAge(source, None if newest is None else (at - newest).total_seconds() / 3600, limit_h)


__all__ = ["SourceAge", "source_age"]
