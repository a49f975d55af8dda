"""How far a window's numbers are from a sketch, and how far two rows of counts are from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.monitoring.sketch import Sketch

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Ordered:
    """A window's column: its finite numbers ascending, and how many rows were missing and infinite."""

    numbers: Numbers
    missing: int
    infinite: int

    @property
    def rows(self) -> int:
        """All rows of the window."""
        return len(self.numbers) + self.missing + self.infinite


def ordered(values: Numbers) -> Ordered:
    """Sort a column once; everything else is looked up in it.

    >>> found = ordered(np.array([2.0, np.inf, np.nan, -1.0]))
    >>> found.numbers.tolist(), found.missing, found.infinite
    ([-1.0, 2.0], 1, 1)
    """
    every = np.sort(values)  # NaN goes last
    known = len(every) - int(np.isnan(values).sum()) if len(every) and np.isnan(every[-1]) else len(every)
    begin = int(np.searchsorted(every[:known], -np.inf, side="right"))
    end = int(np.searchsorted(every[:known], np.inf, side="left"))
    return Ordered(every[begin:end], len(every) - known, begin + known - end)


def kolmogorov_smirnov(reference: Sketch, window: Numbers) -> float:
    """The largest distance of the two distribution functions; `window` ascends; NaN without rows.

    Exact for a reference kept whole, otherwise low by at most `reference.gap`.

    >>> from app.monitoring.sketch import sketch_of
    >>> kolmogorov_smirnov(sketch_of(np.array([1.0, 2.0, 3.0, 4.0])), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    rows = len(window)
    if rows == 0 or reference.rows == 0:
        return float("nan")
    upto = np.searchsorted(window, reference.points, side="right") / rows - reference.upto / reference.rows
    under = np.searchsorted(window, reference.points, side="left") / rows - reference.under / reference.rows
    return float(max(np.abs(upto).max(), np.abs(under).max()))


def wasserstein(reference: Sketch, window: Numbers) -> float:
    """The area between the two distribution functions, in the unit of the values; `window` ascends; NaN without rows.

    Exact for a reference kept whole, otherwise off by at most `reference.wasserstein_bound`: between two points
    the reference's function counts as flat, at its middle height.

    >>> from app.monitoring.sketch import sketch_of
    >>> wasserstein(sketch_of(np.array([0.0, 1.0, 3.0])), np.array([5.0, 6.0, 8.0]))
    5.0
    """
    rows, points = len(window), reference.points
    if rows == 0 or reference.rows == 0:
        return float("nan")
    places = np.searchsorted(window, points, side="right")
    centre = float(points[len(points) // 2])
    outside = float(np.sum(points[0] - window[: places[0]])) + float(np.sum(window[places[-1] :] - points[-1]))
    if len(points) == 1:
        return outside / rows
    height = (reference.upto[:-1] + reference.under[1:]) / (2 * reference.rows)
    begin, end = places[:-1], places[1:]
    crossing = np.clip(np.floor(height * rows).astype(np.int64), begin, end)  # the first rows lie under the reference
    cut = np.where(crossing < end, window[np.minimum(crossing, rows - 1)], points[1:])
    sums = _sums(window, places, centre)
    before = _sums(window, np.stack([begin, crossing], axis=1).ravel(), centre)[::2]
    left, right = points[:-1] - centre, points[1:] - centre
    cut = np.clip(cut - centre, left, right)
    # Of the window's own function G on a stretch (a, b]: integral G = G(a) (b - a) + sum of (b - x) / n over its rows.
    first = (begin * (cut - left) + (crossing - begin) * cut - before) / rows
    whole = (begin * (right - left) + (end - begin) * right - sums) / rows
    under = height * (cut - left) - first
    above = (whole - first) - height * (right - cut)
    return float(np.sum(np.abs(under) + np.abs(above))) + outside / rows


def _sums(window: Numbers, places: NDArray[np.int64], centre: float) -> Numbers:
    """The sums of window[places[i]:places[i + 1]] - centre."""
    if len(places) < 2 or len(window) == 0:
        return np.zeros(max(len(places) - 1, 0))
    starts = np.minimum(places, len(window) - 1)
    found = np.add.reduceat(window, starts)[:-1]
    lengths = np.diff(places)
    # A stretch whose end was moved back into the window lacks its last row.
    found = np.where((places[1:] > starts[1:]) & (lengths > 0) & (starts[1:] > starts[:-1]), found + window[-1], found)
    return np.where(lengths > 0, found - lengths * centre, 0.0)


def jensen_shannon(one: Numbers, other: Numbers) -> float:
    """The Jensen-Shannon distance of two rows of shares (the root of the divergence, in nats); 0 the same, .83 apart.

    >>> round(jensen_shannon(np.array([.5, .5]), np.array([1., 0.])), 4)
    0.4645
    """
    return float(np.sqrt(divergence(one / one.sum(), other / other.sum())))


def divergence(one: Numbers, other: Numbers) -> Numbers:
    """The Jensen-Shannon divergence of shares that sum to 1 along the last axis, in nats.

    With t = (one - other) / (one + other) a cell adds its middle times (1 + t) ln(1 + t) + (1 - t) ln(1 - t), halved:
    what nearly cancels is never formed, so that the root of a small divergence keeps its digits.
    """
    total = one + other
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(total > 0, (one - other) / total, 0.0)
        cells = np.where(np.abs(t) < 1, (1 + t) * np.log1p(t) + (1 - t) * np.log1p(-t), 2 * np.log(2))
    found: Numbers = np.maximum(np.sum(total * cells, axis=-1) / 4, 0.0)
    return found


def chi_square(one: Numbers, other: Numbers) -> float:
    """Pearson's chi-square of two rows of counts, without correction, over the cells that either of them fills.

    >>> round(chi_square(np.array([10., 20.]), np.array([20., 10.])), 4)
    6.6667
    """
    filled = (one + other) > 0
    both = np.stack([one[filled], other[filled]])
    expected = both.sum(axis=1, keepdims=True) * both.sum(axis=0) / both.sum()
    return float(np.sum((both - expected) ** 2 / expected))


__all__ = ["Ordered", "chi_square", "divergence", "jensen_shannon", "kolmogorov_smirnov", "ordered", "wasserstein"]
