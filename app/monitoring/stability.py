"""How far the population stability index goes by chance, where cells hold few rows too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PLENTY = 200.0
"""In a cell of so many rows the index is a squared normal number, to half a percent."""


def psi_by_chance(shares: Sequence[float], rows: float, floor: float, beyond: float) -> float:
    """What the index of a window of so many rows passes with probability `beyond` when nothing changed.

    `rows` is 1 / (1/n + 1/m) for a window of n and a reference of m rows; a share below `floor` counts as `floor`. The
    index is a sum over cells whose counts are nearly Poisson, given their total: its mean and variance are theirs
    (Holst 1972, Morris 1975), and a chi-square of the same mean and variance stands for it (Satterthwaite 1946). Where
    every cell is full that is the usual chi-square over rows; sparse cells make it smaller or larger by half.

    >>> round(psi_by_chance([0.1] * 10, 10_000, 5e-5, 0.01) * 10_000, 1)
    21.7
    """
    filled = np.asarray([share for share in shares if share > 0], dtype=np.float64)
    if len(filled) < 2:
        return chi_square_quantile(1, beyond) / rows  # a constant: by how few rows the window may differ
    means, spreads, slopes = _cells(filled, rows, floor)
    mean = float(means.sum())
    variance = max(float(spreads.sum()) - float(slopes.sum()) ** 2 / rows - 2 / rows**2, mean * mean / len(filled) ** 2)
    return variance / (2 * mean) * chi_square_quantile(2 * mean * mean / variance, beyond)


def _cells(shares: Floats, rows: float, floor: float) -> tuple[Floats, Floats, Floats]:
    """Of each cell's part: its mean, its variance, and its covariance with the cell's count."""
    expected = shares * rows
    means, spreads, slopes = (1 - shares) / rows, np.full(len(shares), 2 / rows**2), np.zeros(len(shares))
    few = np.flatnonzero(expected < PLENTY)
    if len(few):
        middle, share = expected[few, None], shares[few, None]
        most = float(middle.max())
        count = np.arange(math.ceil(most + 10 * math.sqrt(most) + 12))
        factorials = np.concatenate([[0.0], np.cumsum(np.log(count[1:]))])
        chance = np.exp(count * np.log(middle) - middle - factorials)
        now, before = np.maximum(count / rows, floor), np.maximum(share, floor)
        part = (now - before) * np.log(now / before)
        mean = (chance * part).sum(axis=1)
        spreads[few] = (chance * part**2).sum(axis=1) - mean**2
        slopes[few] = (chance * part * (count - middle)).sum(axis=1)
        # The total is fixed, so counts are binomial: narrower than Poisson by their share.
        bend = (chance[:, :-2] * np.diff(part, n=2, axis=1)).sum(axis=1)
        means[few] = mean - expected[few] * shares[few] / 2 * bend
    return means, spreads, slopes


def chi_square_quantile(freedom: float, beyond: float) -> float:
    """The value that chi-square passes with probability `beyond`, by Wilson and Hilferty (1931), good to 2 %.

    >>> round(chi_square_quantile(9, 0.001), 1)
    28.1
    """
    spread = 2 / (9 * max(freedom, 1))
    z = NormalDist().inv_cdf(1 - beyond)
    return float(max(freedom, 1) * max(1 - spread + z * spread**0.5, 0.0) ** 3)


__all__ = ["chi_square_quantile", "psi_by_chance"]
