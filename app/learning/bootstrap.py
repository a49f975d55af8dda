"""Intervals by resampling: rows that belong together (a day) are drawn together, the same draws for every model.

Percentile intervals (Efron and Tibshirani 1993, chapter 13); blocks of time because neighbouring rows resemble each
other (Carlstein 1986, non-overlapping blocks). Two models on the same draws give the interval of their difference.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from app.learning.metrics import MOST_NUMBERS, Ask, Scorer

if TYPE_CHECKING:
    import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.int64]]
Counts = np.ndarray[Any, np.dtype[np.uint8]]
RESAMPLES = 500
LEVEL = 0.95
FEWEST_BLOCKS = 20
POISSON_FROM = 1000


@dataclass(frozen=True)
class Interval:
    """Where a number lies with a probability of 95 % over new rows of the same kind."""

    low: float
    high: float

    @property
    def half(self) -> float:
        """Half its width.

        >>> Interval(0.25, 0.75).half
        0.25
        """
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Unknown:
    """Why there is no number."""

    reason: str

    def __str__(self) -> str:
        return f"unknown: {self.reason}"


def block_codes(rows: int, times: "pd.Series[Any] | None" = None) -> tuple[Codes, str]:
    """The block of each row, and what a block is, from event times as a column (see `blocks_of`)."""
    if times is None:
        return blocks_of(rows)
    import pandas as pd

    return blocks_of(rows, pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("s").asi8)


def blocks_of(rows: int, moments: Codes | None = None) -> tuple[Codes, str]:
    """The block of each row, and what a block is: days or hours of the event time, runs of rows in time, or the row.

    `moments` are seconds since 1970 in UTC. Days where there are at least 20 of them, else hours, else runs of about
    cube-root-many rows.

    >>> blocks_of(3)
    (array([0, 1, 2]), 'rows')
    """
    if moments is None:
        return np.arange(rows), "rows"
    for name, seconds in (("days", 86_400), ("hours", 3_600)):
        units, codes = np.unique(moments // seconds, return_inverse=True)
        if len(units) >= FEWEST_BLOCKS:
            return codes.astype(np.int64), name
    order = np.argsort(moments, kind="stable")
    length = max(1, math.ceil(rows ** (1 / 3)))
    codes = np.empty(rows, dtype=np.int64)
    codes[order] = np.arange(rows) // length
    return codes, f"runs of {length} rows"


class Resamples:
    """Seeded draws of blocks with replacement; every caller sees the same ones."""

    def __init__(self, codes: Codes, *, count: int = RESAMPLES, seed: int = 7) -> None:
        self.codes, self.count, self.seed = codes, count, seed
        self.blocks = int(codes.max()) + 1 if len(codes) else 0

    @property
    def refusal(self) -> str:
        """Why no interval can be given, or nothing."""
        if self.blocks < FEWEST_BLOCKS:
            return f"{len(self.codes)} rows make {self.blocks} blocks, an interval needs {FEWEST_BLOCKS}"
        return ""

    @cached_property
    def counts(self) -> Counts:
        """How often each block is drawn, as uint8 of (resamples, blocks).

        From 1,000 blocks on the counts are Poisson with mean 1 instead of multinomial, which is the same in the limit
        and needs no sum over blocks (Hanley and MacGibbon 2006).
        """
        generator = np.random.default_rng(self.seed)
        if self.blocks < POISSON_FROM:
            drawn = generator.integers(0, self.blocks, (self.count, self.blocks), dtype=np.int32)
            rows = [np.bincount(row, minlength=self.blocks) for row in drawn]
            return np.minimum(np.stack(rows), 255).astype(np.uint8)
        chances = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(10)])
        table = np.searchsorted(chances, (np.arange(65536) + 0.5) / 65536).astype(np.uint8)
        return np.take(table, generator.integers(0, 65536, (self.count, self.blocks), dtype=np.uint16))

    def weights(self, rows: Codes | None = None) -> Iterator[Counts]:
        """How often each row is drawn, as uint8 matrices of (some resamples, rows), in order."""
        codes = self.codes if rows is None else self.codes[rows]
        step = max(1, MOST_NUMBERS // max(len(codes), 1))
        for start in range(0, self.count, step):
            yield np.take(self.counts[start : start + step], codes, axis=1)

    def ask(self, scorers: Mapping[str, Scorer], rows: Codes | None = None) -> dict[str, dict[str, Floats]]:
        """Every metric of every scorer over all draws; paired, because the draws are shared."""
        if self.refusal:
            return {name: {} for name in scorers}
        codes = self.codes if rows is None else self.codes[rows]
        few = self.blocks <= self.count  # then sums of blocks, made once, are less work than weights of rows
        asks: Mapping[str, Ask] = scorers
        if few:
            asks = {name: one.of_blocks(codes, self.blocks) for name, one in scorers.items()}
        parts: dict[str, dict[str, list[Floats]]] = {name: {} for name in scorers}
        for weights in [self.counts] if few else self.weights(rows):
            for name, ask in asks.items():
                for key, values in ask(weights).items():
                    parts[name].setdefault(key, []).append(values)
        return {name: {key: np.concatenate(values) for key, values in found.items()} for name, found in parts.items()}


def interval_of(draws: Floats, *, level: float = LEVEL) -> Interval | Unknown:
    """The percentile interval of draws; unknown when more than a twentieth of them has no value.

    >>> interval_of(np.arange(201.0), level=0.5)
    Interval(low=50.0, high=150.0)
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) < 0.95 * len(draws) or len(finite) == 0:
        return Unknown(f"{len(draws) - len(finite)} of {len(draws)} resamples have no value")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


__all__ = ["Interval", "Resamples", "Unknown", "block_codes", "blocks_of", "interval_of"]
