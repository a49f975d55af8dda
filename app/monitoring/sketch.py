"""A number's distribution in a few thousand points, and what a new window differs from it by."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
POINTS = 4096
TAIL = 64


@dataclass(frozen=True)
class Sketch:
    """Ascending values of a reference, and how many of its `rows` finite values lie at or under and at each of them.

    A reference of at most 4,096 distinct values is kept whole, and all that is computed from it is exact. Otherwise the
    points are 4,096 of its own quantiles with the 64 outermost values of each side; the counts at the points are exact.
    """

    points: Numbers
    upto: Whole
    at: Whole

    @property
    def rows(self) -> int:
        """How many finite values the reference had."""
        return int(self.upto[-1]) if len(self.upto) else 0

    @cached_property
    def under(self) -> Whole:
        """How many values lie strictly under each point."""
        found: Whole = self.upto - self.at
        return found

    @cached_property
    def gap(self) -> float:
        """The largest share between two neighbouring points: the Kolmogorov-Smirnov statistic is off by at most this.

        >>> sketch_of(np.arange(100.0)).gap
        0.0
        >>> sketch_of(np.random.default_rng(1).normal(size=50_000)).gap < 1 / 4000
        True
        """
        if self.rows == 0:
            return 0.0
        return float(np.max(self.under[1:] - self.upto[:-1], initial=0)) / self.rows

    @cached_property
    def wasserstein_bound(self) -> float:
        """How far the Wasserstein distance may be off, in the unit of the values: half of what lies between the points.

        >>> sketch_of(np.arange(100.0)).wasserstein_bound
        0.0
        """
        between = (self.under[1:] - self.upto[:-1]) / max(self.rows, 1)
        return float(np.sum(between * np.diff(self.points))) / 2

    @cached_property
    def mean(self) -> float:
        """The mean, by the points and the middles between them."""
        between = self.under[1:] - self.upto[:-1]
        middles = self.points[:-1] + np.diff(self.points) / 2
        return float((np.sum(self.points * self.at) + np.sum(middles * between)) / self.rows) if self.rows else np.nan

    @cached_property
    def deviation(self) -> float:
        """The standard deviation, likewise; 0 for a constant."""
        if not self.rows:
            return float("nan")
        between = self.under[1:] - self.upto[:-1]
        middles = self.points[:-1] + np.diff(self.points) / 2 - self.mean
        total = np.sum((self.points - self.mean) ** 2 * self.at) + np.sum(middles**2 * between)
        return float(np.sqrt(total / self.rows))

    @cached_property
    def skewness(self) -> float:
        """The third standardised moment, likewise; 0 for a constant.

        >>> round(sketch_of(np.array([0.0, 0.0, 0.0, 1.0])).skewness, 3)
        1.155
        """
        if not self.rows or not self.deviation > 0:
            return 0.0
        between = self.under[1:] - self.upto[:-1]
        middles = self.points[:-1] + np.diff(self.points) / 2 - self.mean
        total = np.sum((self.points - self.mean) ** 3 * self.at) + np.sum(middles**3 * between)
        return float(total / self.rows / self.deviation**3)

    def as_json(self) -> dict[str, str]:
        """The three columns, packed.

        >>> one = sketch_of(np.array([3.0, 1.0, 1.0]))
        >>> sketch_from_json(one.as_json()).upto.tolist()
        [2, 3]
        """
        return {
            "points": _packed(self.points.astype("<f8")),
            "upto": _packed(np.diff(self.upto, prepend=0).astype("<i8")),
            "at": _packed(self.at.astype("<i8")),
        }


def sketch_of(values: Numbers) -> Sketch:
    """The sketch of a reference; NaN and infinities are not part of it.

    >>> sketch_of(np.array([2.0, np.nan, 1.0, 2.0])).points.tolist()
    [1.0, 2.0]
    """
    return sketch_of_ordered(np.sort(values[np.isfinite(values)]))


def sketch_of_ordered(ordered: Numbers) -> Sketch:
    """The sketch of finite values that ascend already."""
    rows = len(ordered)
    if rows == 0:
        return Sketch(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    first = np.concatenate([[True], np.diff(ordered) != 0])
    if np.count_nonzero(first) <= POINTS:
        points = ordered[first]
    else:
        tail = np.arange(min(TAIL, rows))
        ranks = np.concatenate([np.linspace(0, rows - 1, POINTS).round().astype(np.int64), tail, rows - 1 - tail])
        points = np.unique(ordered[ranks])
    upto = np.searchsorted(ordered, points, side="right").astype(np.int64)
    return Sketch(points, upto, upto - np.searchsorted(ordered, points, side="left"))


def sketch_from_json(packed: Mapping[str, Any]) -> Sketch:
    """The sketch that `as_json` packed; raises ValueError for one that is damaged."""
    points = _unpacked(packed["points"], "<f8").astype(np.float64)
    steps, at = _unpacked(packed["upto"], "<i8"), _unpacked(packed["at"], "<i8")
    upto = np.cumsum(steps.astype(np.int64))
    whole = len(points) == len(upto) == len(at) and bool(np.all(np.isfinite(points)))
    if not whole or np.any(np.diff(points) <= 0) or np.any(at < 0) or np.any(steps < at):
        raise ValueError("a sketch whose points do not ascend")
    return Sketch(points, upto, at.astype(np.int64))


def _packed(column: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(column.tobytes(), 6)).decode()


def _unpacked(text: object, kind: str) -> NDArray[Any]:
    if not isinstance(text, str):
        raise TypeError("a sketch is packed as text")
    unzip = zlib.decompressobj()
    content = unzip.decompress(base64.b64decode(text, validate=True), 16 * POINTS * 8)  # nothing larger was ever packed
    if not unzip.eof:
        raise ValueError("a sketch that is cut off or far too long")
    return np.frombuffer(content, dtype=kind)


__all__ = ["Sketch", "sketch_from_json", "sketch_of", "sketch_of_ordered"]
