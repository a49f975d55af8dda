"""Moments as the store writes them: text whose order is the order of time."""

from datetime import UTC, datetime


def utc_text(moment: datetime) -> str:
    """Fixed-width ISO 8601 in UTC; raises ValueError for a moment without a zone.

    >>> utc_text(datetime(2013, 1, 2, 3, tzinfo=UTC))
    '2013-01-02T03:00:00.000000Z'
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_utc(text: str) -> datetime:
    """Inverse of `utc_text`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


__all__ = ["parse_utc", "utc_text"]
