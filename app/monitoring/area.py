"""How far the Wasserstein distance goes by chance: the law of the area under a Brownian bridge's absolute value."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.monitoring.sketch import Sketch

Floats = NDArray[np.float64]
PATHS, LEVELS = 10_000, 100
TAIL = 0.005
"""So rare are the bridges that are simulated; what is rarer is bounded."""


def area_by_chance(reference: Sketch, rows: int, beyond: float) -> float:
    """What the distance of a window of so many rows passes with probability `beyond`, in standard deviations.

    Without a change the difference of the two distribution functions is a Brownian bridge times sqrt(1/n + 1/m), and
    the distance its area over the values. Bridges are simulated once, down to a probability of 0.5 %. Beyond that the
    area, a convex function of a Gaussian path that is steep by one standard deviation at most, grows no faster than a
    normal number (Ehrhard 1983). Skewed values are not yet normal in few rows: the next term of Cornish and Fisher
    (1938) is added. Infinite for a constant or without rows.

    >>> from app.monitoring.sketch import sketch_of
    >>> normal = sketch_of(np.random.default_rng(1).normal(size=80_000))
    >>> round(area_by_chance(normal, 1_000, 0.001), 3)
    0.109
    """
    if rows <= 0 or reference.rows <= 0 or not reference.deviation > 0:
        return math.inf
    levels, areas = _bridges()
    weights = _weights(reference, levels)
    found = np.einsum("pl,l->p", areas, weights.astype(np.float32))  # one thread: a product of BLAS would wake all
    z, simulated = NormalDist().inv_cdf(1 - beyond), NormalDist().inv_cdf(1 - TAIL)
    quantile = float(np.quantile(found, 1 - max(beyond, TAIL))) + max(z - simulated, 0.0)
    skewed = abs(reference.skewness) * max(z * z - 1, 0.0) / (6 * math.sqrt(rows))
    return math.sqrt(1 / rows + 1 / reference.rows) * (quantile + skewed)


def _weights(reference: Sketch, levels: Floats) -> Floats:
    """How much of the values, in standard deviations, lies at each level of the distribution function."""
    shares = np.clip(reference.upto[:-1] / reference.rows, levels[0], levels[-1])
    place = np.clip(np.searchsorted((levels[1:] + levels[:-1]) / 2, shares), 0, len(levels) - 1)
    near = levels[place]
    widths = np.diff(reference.points) / reference.deviation
    weights = widths * np.sqrt(shares * (1 - shares) / (near * (1 - near)))
    return np.bincount(place, weights, len(levels)).astype(np.float64)


@cache
def _bridges() -> tuple[Floats, NDArray[np.float32]]:
    """Levels between 0 and 1, close together at both ends, and the absolute values of bridges at them."""
    levels = 1 / (1 + np.exp(-np.linspace(-11, 11, LEVELS)))
    steps = np.sqrt(np.diff(levels, prepend=0, append=1))
    paths = np.cumsum(np.random.default_rng(7).normal(size=(PATHS, LEVELS + 1)) * steps, axis=1)
    return levels, np.abs(paths[:, :-1] - paths[:, -1:] * levels).astype(np.float32)


__all__ = ["area_by_chance"]
