"""The price of trying again: who tries often enough gets a lucky winner, so each try raises what must be shown.

Šidák 1967, "Rectangular Confidence Regions for the Means of Multivariate Normal Distributions", JASA 62 (318), 626-633:
of k challengers that are no better than production, none passes with probability 1 - α when each is judged at
1 - (1 - α)^(1/k). Challengers judged on the same rows depend on each other positively, which keeps the bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

FEWEST_BEYOND = 5
"""Resamples that must lie beyond a quantile for it to be read from them; with fewer the normal tail is used."""


def level_for(confidence: float, attempts: int) -> float:
    """The one-sided level at which one of `attempts` challengers is judged, so that all of them together keep
    `confidence` (Šidák 1967).

    >>> level_for(0.95, 1), round(level_for(0.95, 10), 4), round(level_for(0.5, 2), 3)
    (0.95, 0.9949, 0.707)
    """
    return confidence if attempts <= 1 else confidence ** (1 / attempts)


@dataclass(frozen=True)
class Gain:
    """How much better a model is over the same rows; `low` and `high` bound it one-sidedly at `level`, None if unknown.

    `draws` are the gains over the resamples, from which other levels are read.
    """

    value: float
    level: float = 0.5
    low: float | None = None
    high: float | None = None
    unknown: str = ""


def gain_of(value: float, draws: Sequence[float], *, level: float, unknown: str = "") -> Gain:
    """A gain with its bounds from the gains over paired block resamples.

    The bound is the percentile of the draws (Efron and Tibshirani 1993, chapter 13); so far out that fewer than five
    draws lie beyond it, it is `value` less z standard errors (chapter 12), or the percentile if that is lower. Level
    0.5 is the plain number. A draw without a value makes the bounds unknown when more than a twentieth of them have
    none.

    >>> round(gain_of(0.5, [at / 1000 for at in range(1001)], level=0.9).low, 6)
    0.1
    >>> gain_of(0.0, [0.0] * 100, level=0.999).low
    0.0
    >>> gain_of(1.0, [], level=0.95, unknown="too few rows").low is None
    True
    """
    if level <= 0.5 and math.isfinite(value):
        return Gain(value, level, value, value, unknown)
    finite = sorted(x for x in draws if math.isfinite(x))
    if unknown or len(finite) < max(0.95 * len(draws), 2) or not math.isfinite(value):
        return Gain(value, level, unknown=unknown or f"{len(draws) - len(finite)} of {len(draws)} resamples have none")
    beyond = (1 - level) * (len(finite) - 1)
    low, high = _quantile(finite, beyond), _quantile(finite, len(finite) - 1 - beyond)
    if beyond < FEWEST_BEYOND:
        reach = NormalDist().inv_cdf(level) * stdev(finite, fmean(finite))
        low, high = min(low, value - reach), max(high, value + reach)
    return Gain(value, level, low, high)


def _quantile(ordered: Sequence[float], place: float) -> float:
    """The value at a place between two neighbours, straight between them."""
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


__all__ = ["Gain", "gain_of", "level_for"]
