"""Counting a window's column against its reference, in one go or part by part; the counts of parts add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.monitoring import distances, drift
from app.monitoring.numbers import numbers_of
from app.monitoring.reference import CategoryBins, NumberBins

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


class Statistic(StrEnum):
    """What is measured of each column; the word is the beginning of the signal's name."""

    PSI = "psi"
    JS = "js"
    KS = "ks"
    WASSERSTEIN = "wasserstein"
    CHI2 = "chi2"
    MISSING = "missing"
    NEW = "new_categories"
    SHARE = "share"
    RANGE = "range"


@dataclass(frozen=True)
class Measured:
    """The statistics of one column (NaN where one is not defined), and its shares over the bins, missing last.

    `rows` are all of the window; `infinite` counts values that were taken as missing; `only` is the window's one value
    as a word, where it has no other.
    """

    values: dict[Statistic, float]
    shares: tuple[float, ...]
    rows: int
    infinite: int = 0
    only: str | None = None


@dataclass
class NumberTally:
    """A number's counts at the edges of the bins and at the points of the sketch."""

    bins: NumberBins
    rows: int = 0
    missing: int = 0
    infinite: int = 0
    outside: int = 0
    under_edges: Whole = field(init=False)
    lowest: float = np.inf
    highest: float = -np.inf
    upto: Whole = field(init=False)
    under: Whole = field(init=False)
    _only: distances.Ordered | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin at zero."""
        points = len(self.bins.sketch.points) if self.bins.sketch is not None else 0
        self.under_edges = np.zeros(len(self.bins.edges), np.int64)
        self.upto, self.under = np.zeros(points, np.int64), np.zeros(points, np.int64)

    def add(self, values: Numbers) -> None:
        """Count a part; NaN is missing, an infinity is no measurement."""
        found = distances.ordered(values)
        numbers, sketch = found.numbers, self.bins.sketch
        self._only = found if self.rows == 0 else None
        self.rows += found.rows
        self.missing += found.missing + found.infinite
        self.infinite += found.infinite
        if len(numbers):
            self.lowest, self.highest = min(self.lowest, float(numbers[0])), max(self.highest, float(numbers[-1]))
        side: Literal["left", "right"] = "left" if self.bins.side == "right" else "right"
        self.under_edges += np.searchsorted(numbers, np.asarray(self.bins.edges, dtype=float), side=side)
        if sketch is not None and sketch.rows:
            self.upto += np.searchsorted(numbers, sketch.points, side="right")
            self.under += np.searchsorted(numbers, sketch.points, side="left")
            self.outside += int(np.searchsorted(numbers, sketch.points[0], side="left"))
            self.outside += len(numbers) - int(np.searchsorted(numbers, sketch.points[-1], side="right"))

    def measured(self, reference_rows: int) -> Measured:
        """Every statistic; a Wasserstein distance is in standard deviations of the reference."""
        finite = self.rows - self.missing
        counts = np.append(np.diff(self.under_edges, prepend=0, append=finite), self.missing).astype(float)
        values = _of_counts(self.bins.all_shares, counts, reference_rows)
        sketch = self.bins.sketch
        if sketch is not None and sketch.rows and finite:
            upto = self.upto / finite - sketch.upto / sketch.rows
            under = self.under / finite - sketch.under / sketch.rows
            values[Statistic.KS] = float(max(np.abs(upto).max(), np.abs(under).max()))
            if self._only is not None and sketch.deviation > 0:
                values[Statistic.WASSERSTEIN] = distances.wasserstein(sketch, self._only.numbers) / sketch.deviation
            elif sketch.deviation > 0:
                height = (self.upto[:-1] + self.under[1:]) / (2 * finite)
                middle = (sketch.upto[:-1] + sketch.under[1:]) / (2 * sketch.rows)
                area = float(np.sum(np.abs(height - middle) * np.diff(sketch.points)))
                values[Statistic.WASSERSTEIN] = area / sketch.deviation
            values[Statistic.RANGE] = self.outside / self.rows
        only = f"{self.lowest:g}" if self.lowest == self.highest else None
        return Measured(values, _shares(counts, self.rows), self.rows, self.infinite, only)


@dataclass
class CategoryTally:
    """A category's counts, by the word of the value."""

    bins: CategoryBins
    rows: int = 0
    missing: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, values: pd.Series[Any]) -> None:
        """Count a part."""
        total = 0
        for value, count in values.value_counts(dropna=True, sort=False).items():
            if not count:  # a category that no row of this part has
                continue
            word = drift.word_of(value)
            self.counts[word] = self.counts.get(word, 0) + int(count)
            total += int(count)
        self.rows += len(values)
        self.missing += len(values) - total

    def measured(self, reference_rows: int) -> Measured:
        """Every statistic that a category has."""
        known = [self.counts.get(value, 0) for value in self.bins.values]
        other = self.rows - self.missing - sum(known)
        counts = np.asarray([*known, other, self.missing], dtype=float)
        values = _of_counts(self.bins.all_shares, counts, reference_rows)
        if self.rows and self.bins.rare is not None:
            new = sum(count for word, count in self.counts.items() if word not in self.bins.known)
            values[Statistic.NEW] = new / self.rows
        if self.rows and known:
            values[Statistic.SHARE] = float(np.abs(counts / self.rows - self.bins.all_shares)[:-1].max())
        only = next(iter(self.counts)) if len(self.counts) == 1 else None
        return Measured(values, _shares(counts, self.rows), self.rows, only=only)


Tally = NumberTally | CategoryTally


def tally_of(bins: NumberBins | CategoryBins) -> Tally:
    """An empty count for a column."""
    return NumberTally(bins) if isinstance(bins, NumberBins) else CategoryTally(bins)


def add(tally: Tally, values: pd.Series[Any]) -> None:
    """Count a part of a column, whatever its kind; what is no number counts as missing."""
    if isinstance(tally, CategoryTally):
        tally.add(values)
    else:
        tally.add(numbers_of(values))


def _of_counts(reference: tuple[float, ...], counts: Numbers, reference_rows: int) -> dict[Statistic, float]:
    rows, before = counts.sum(), np.asarray(reference, dtype=float)
    if rows == 0:
        return {}
    values = {Statistic.MISSING: float(counts[-1] / rows)}
    if before.sum() <= 0:
        return values
    floor = drift.half_a_row(int(min(rows, reference_rows)) if reference_rows else int(rows))
    values[Statistic.PSI] = drift.psi(before, counts / rows, floor=floor)
    values[Statistic.JS] = distances.jensen_shannon(before, counts / rows)
    if reference_rows:
        values[Statistic.CHI2] = distances.chi_square(np.round(before * reference_rows), counts)
    return values


def _shares(counts: Numbers, rows: int) -> tuple[float, ...]:
    return tuple((counts / rows).tolist()) if rows else tuple(0.0 for _ in counts)


__all__ = ["CategoryTally", "Measured", "NumberTally", "Statistic", "Tally", "add", "tally_of"]
