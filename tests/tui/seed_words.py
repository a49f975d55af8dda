"""What the rows of the store of screens share: a fixed now, and digests of texts."""

import hashlib
from datetime import UTC, datetime, timedelta

NOW = datetime(2013, 5, 2, 12, 4, 8, tzinfo=UTC)


def ago(**parts: float) -> datetime:
    """A moment before the fixed now."""
    return NOW - timedelta(**parts)


def digest_of(text: str) -> str:
    """A digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
