"""How a candidate did beside production, and whether that is within the limits: pure rules over counts."""

import math
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from app.domain.project.serving import Serving

BOUNDS_MS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Upper bounds of the latency histogram; one more bucket stands for all above."""
SLOW = 0.95
"""The quantile by which two latencies are compared."""


@dataclass
class Tally:
    """Counts of one stage: `requests` and `errors` of the candidate, `rows` compared, and on how many both agree."""

    requests: int = 0
    errors: int = 0
    rows: int = 0
    agreed: int = 0
    difference_sum: float = 0.0
    dropped: int = 0
    candidate_ms: list[int] | None = None
    production_ms: list[int] | None = None

    def __post_init__(self) -> None:
        """Empty histograms where none is given."""
        self.candidate_ms = self.candidate_ms or [0] * (len(BOUNDS_MS) + 1)
        self.production_ms = self.production_ms or [0] * (len(BOUNDS_MS) + 1)

    @classmethod
    def of(cls, parts: Iterable["Tally"]) -> Self:
        """The sum of several tallies.

        >>> Tally.of([Tally(requests=2), Tally(requests=3, errors=1)]).requests
        5
        """
        whole = cls()
        assert whole.candidate_ms is not None and whole.production_ms is not None  # noqa: PT018
        for part in parts:
            whole.requests += part.requests
            whole.errors += part.errors
            whole.rows += part.rows
            whole.agreed += part.agreed
            whole.difference_sum += part.difference_sum
            whole.dropped += part.dropped
            for at, count in enumerate(part.candidate_ms or ()):
                whole.candidate_ms[at] += count
            for at, count in enumerate(part.production_ms or ()):
                whole.production_ms[at] += count
        return whole

    @property
    def error_share(self) -> float:
        """Errors by request of the candidate; 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def disagreement(self) -> float | None:
        """The share of compared rows on which the two decide differently, or None when none was compared."""
        return 1 - self.agreed / self.rows if self.rows else None

    @property
    def latency_ratio(self) -> float | None:
        """The candidate's p95 divided by production's, or None before both were measured."""
        candidate, production = quantile_ms(self.candidate_ms or (), SLOW), quantile_ms(self.production_ms or (), SLOW)
        return candidate / production if candidate and production else None


def bucket_of(milliseconds: float) -> int:
    """The place of a duration in the histogram.

    >>> bucket_of(0.01), bucket_of(0.1), bucket_of(9999)
    (0, 1, 19)
    """
    return bisect_left(BOUNDS_MS, milliseconds)


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """A quantile of a histogram in milliseconds, straight within its bucket; None when it is empty.

    >>> quantile_ms([0, 10], 0.5)
    0.07500000000000001
    """
    total = sum(counts)
    if not total:
        return None
    wanted, below = share * total, 0
    for at, count in enumerate(counts):
        if count and below + count >= wanted:
            if at == len(BOUNDS_MS):
                break
            low = BOUNDS_MS[at - 1] if at else 0.0
            return low + (BOUNDS_MS[at] - low) * (wanted - below) / count
        below += count
    return BOUNDS_MS[-1]


def breach(tally: Tally, limits: Serving) -> str | None:
    """What is beyond its limit, in words, or None; errors are judged at once, the rest from `minimum_requests` on.

    >>> breach(Tally(requests=200, errors=20), Serving())
    'errors: 10.0% of 200 requests, at most 1.0%'
    >>> breach(Tally(requests=200), Serving()) is None
    True
    """
    seen, needed = tally.requests, limits.minimum_requests
    share = limits.maximum_error_share
    # before enough was seen, more errors than the whole stage may have are enough to know
    if share is not None and tally.errors > share * max(seen, needed):
        return f"errors: {tally.error_share:.1%} of {seen:,} requests, at most {share:.1%}"
    if seen < needed:
        return None
    apart = tally.disagreement
    if limits.maximum_disagreement is not None and apart is not None and not apart <= limits.maximum_disagreement:
        return f"disagreement: {apart:.1%} of {tally.rows:,} rows, at most {limits.maximum_disagreement:.1%}"
    ratio = tally.latency_ratio
    if limits.maximum_latency_ratio is not None and ratio is not None and not ratio <= limits.maximum_latency_ratio:
        return f"latency: {ratio:.2f}x of production at p95, at most {limits.maximum_latency_ratio:g}x"
    return None


def agrees(candidate: object, production: object, *, tolerance: float, is_probability: bool) -> bool:
    """Whether two answers decide alike: the likeliest class, the side of one half, or numbers within `tolerance`.

    >>> agrees(0.7, 0.6, tolerance=0, is_probability=True), agrees([0.1, 0.9], [0.8, 0.2], tolerance=0,
    ...     is_probability=True), agrees(10.0, 10.5, tolerance=0.4, is_probability=False)
    (True, False, False)
    """
    if isinstance(candidate, list) and isinstance(production, list):
        return candidate.index(max(candidate)) == production.index(max(production))
    one, other = float(candidate), float(production)  # type: ignore[arg-type]
    if is_probability:
        return (one >= 0.5) == (other >= 0.5)
    return abs(one - other) <= tolerance


def distance(candidate: object, production: object) -> float:
    """How far two answers are apart: the difference of numbers, or the largest one of two lists; finite.

    >>> distance(0.7, 0.5) == 0.7 - 0.5, distance([0.1, 0.9], [0.5, 0.5])
    (True, 0.4)
    """
    if isinstance(candidate, list) and isinstance(production, list):
        return max((distance(*pair) for pair in zip(candidate, production, strict=True)), default=0.0)
    apart = abs(float(candidate) - float(production))  # type: ignore[arg-type]
    return apart if math.isfinite(apart) else 0.0


def in_canary(key: bytes, salt: bytes, share: float) -> bool:
    """Whether an entity belongs to the canary: the same answer for the same key as long as the rollout lasts.

    >>> sum(in_canary(str(n).encode(), b"r1", 0.1) for n in range(10_000))
    964
    """
    return zlib.crc32(key, zlib.crc32(salt)) < share * 2**32


__all__ = ["BOUNDS_MS", "Tally", "agrees", "breach", "bucket_of", "distance", "in_canary", "quantile_ms"]
