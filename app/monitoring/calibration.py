"""Limits learned from the reference's own past: how far its own stretches of time are from the rest of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
LEAST = 1e-9
SEASONS_FROM_DAYS = 330


@dataclass(frozen=True)
class Spread:
    """One statistic over the blocks: the mean and deviation of its logarithm for each feature, and of the maximum.

    `most` is the mean and deviation, over the blocks, of the largest standardised value of any feature: the limit of
    many features at once holds for that maximum, so looking at more features makes no more false alarms. A share of
    rows is often 0 and has no logarithm: then the pairs are of the share itself, `most` is None, and the false alarms
    are divided among the features (Bonferroni).
    """

    features: Mapping[str, tuple[float, float]]
    most: tuple[float, float] | None
    blocks: int

    def limit(self, feature: str, beyond: float) -> float:
        """What the next block of an unchanged world stays under for all features together, but for `beyond` of them.

        A prediction bound: Student's t with blocks - 1 degrees of freedom on the maximum. NaN for an unknown feature.

        >>> spread = Spread({"x": (math.log(0.02), 0.5)}, (0.0, 1.0), 12)
        >>> round(spread.limit("x", 0.01), 3)
        0.082
        """
        from scipy.special import stdtrit

        if feature not in self.features:
            return math.nan
        mean, deviation = self.features[feature]
        each = beyond if self.most is not None else beyond / len(self.features)
        t = float(stdtrit(self.blocks - 1, 1 - each)) * math.sqrt(1 + 1 / self.blocks)
        if self.most is None:
            return min(mean + t * deviation, 1.0)
        return math.exp(min(mean + deviation * max(self.most[0] + t * self.most[1], 0.0), 700.0))


@dataclass(frozen=True)
class Level:
    """The reference cut into so many blocks of time of about `rows` rows: a spread for each statistic."""

    blocks: int
    rows: int
    spreads: Mapping[str, Spread]


@dataclass(frozen=True)
class Calibration:
    """The levels, from large blocks to small ones, and what each calendar month was like where there is a year.

    `seasons` holds, by statistic and feature, the twelve months' own distance from the rest (None for a month that is
    not there).
    """

    levels: tuple[Level, ...]
    seasons: Mapping[str, Mapping[str, tuple[float | None, ...]]]

    def knows(self, statistic: str) -> bool:
        """Whether the statistic was measured in the reference's own stretches."""
        return any(statistic in level.spreads for level in self.levels)

    def limit(
        self, statistic: str, feature: str, rows: int, beyond: float, *, chance: float, month: int | None = None
    ) -> float:
        """The limit for a window of so many rows; `chance` is what its size alone explains; NaN when not calibrated.

        The level is that of the largest blocks which are no larger than the window. A window smaller than every block
        gets the smallest block's bound and its own chance on top. With a year of reference, a window of a known month
        is held to what that month and its neighbours were like, and never to more than the bound over the year.
        """
        fitting = [level for level in self.levels if level.rows <= rows]
        level = fitting[0] if fitting else (self.levels[-1] if self.levels else None)
        if level is None or statistic not in level.spreads:
            return math.nan
        bound = level.spreads[statistic].limit(feature, beyond)
        seasonal = self._of_month(statistic, feature, month)
        if seasonal is not None:
            bound = min(bound, seasonal + chance)
        return max(bound, chance) if fitting else bound + chance

    def _of_month(self, statistic: str, feature: str, month: int | None) -> float | None:
        months = self.seasons.get(statistic, {}).get(feature)
        if months is None or month is None:
            return None
        near = [months[(month + step - 1) % 12] for step in (-1, 0, 1)]
        known = [value for value in near if value is not None]
        return max(known) if known and months[month - 1] is not None else None

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "levels": [
                {
                    "blocks": level.blocks,
                    "rows": level.rows,
                    "spreads": {
                        name: {
                            "features": {f: list(pair) for f, pair in one.features.items()},
                            "most": list(one.most) if one.most else None,
                        }
                        for name, one in level.spreads.items()
                    },
                }
                for level in self.levels
            ],
            "seasons": {name: {f: list(v) for f, v in each.items()} for name, each in self.seasons.items()},
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Calibration:
        """What `as_json` gave."""
        levels = tuple(
            Level(
                int(level["blocks"]),
                int(level["rows"]),
                {
                    str(name): Spread(
                        {str(f): (float(pair[0]), float(pair[1])) for f, pair in one["features"].items()},
                        (float(one["most"][0]), float(one["most"][1])) if one["most"] else None,
                        int(level["blocks"]),
                    )
                    for name, one in level["spreads"].items()
                },
            )
            for level in document["levels"]
        )
        seasons = {
            str(name): {
                str(f): tuple(float(value) if value is not None else None for value in values)
                for f, values in each.items()
            }
            for name, each in document.get("seasons", {}).items()
        }
        return cls(levels, seasons)


def share_spread_of(features: Sequence[str], values: Numbers) -> Spread:
    """The spread of a share of rows: `values` is (blocks, features), at least two blocks.

    >>> share_spread_of(["x"], np.array([[0.0], [0.0], [0.1]])).limit("x", 0.05) < 0.3
    True
    """
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    pairs = {name: (float(mean[at]), float(deviation[at])) for at, name in enumerate(features)}
    return Spread(pairs, None, len(values))


def spread_of(features: Sequence[str], values: Numbers) -> Spread:
    """The spread of one statistic: `values` is (blocks, features), at least three blocks.

    A block's standardised value is judged by the other blocks, as a new window will be.

    >>> spread = spread_of(["x"], np.exp(np.random.default_rng(1).normal(size=(12, 1))))
    >>> spread.blocks, round(spread.features["x"][0], 1)
    (12, 0.2)
    """
    logs = np.log(np.maximum(values, LEAST))
    blocks = len(logs)
    mean, deviation = logs.mean(axis=0), logs.std(axis=0, ddof=1)
    others = (logs.sum(axis=0) - logs) / (blocks - 1)
    squares = ((logs**2).sum(axis=0) - logs**2) / (blocks - 1)
    spread = np.sqrt(np.maximum(squares - others**2, 1e-12) * (blocks - 1) / max(blocks - 2, 1))
    z = np.where(spread > 1e-5, (logs - others) / np.where(spread > 0, spread, 1), 0.0)
    most = z.max(axis=1)
    pairs = {name: (float(mean[at]), float(deviation[at])) for at, name in enumerate(features)}
    return Spread(pairs, (float(most.mean()), float(most.std(ddof=1))), blocks)


__all__ = ["SEASONS_FROM_DAYS", "Calibration", "Level", "Spread", "share_spread_of", "spread_of"]
