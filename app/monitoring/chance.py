"""What each statistic reaches by chance alone, in a window of so many rows without any change."""

from __future__ import annotations

import math
from statistics import NormalDist

from app.monitoring.area import area_by_chance
from app.monitoring.reference import CategoryBins, NumberBins
from app.monitoring.tally import Statistic

SMALLEST_EFFECT = {
    Statistic.PSI: 0.0025,
    Statistic.JS: 0.0175,
    Statistic.KS: 0.02,
    Statistic.WASSERSTEIN: 0.05,
    Statistic.MISSING: 0.01,
    Statistic.NEW: 0.005,
    Statistic.RANGE: 0.01,
}
"""What is worth a look however many rows prove it.

The smallest move that is to be found is a tenth of a number's standard deviation; the floors of distances are half of
what it makes of them, so that one which looks smaller by chance is found too.
"""
SELDOM = frozenset({Statistic.MISSING, Statistic.NEW, Statistic.RANGE})
"""Shares of rows that are 0 as a rule: a tenth of a distance's part of the false alarms is enough for them."""


def chi_square_quantile(freedom: int, beyond: float) -> float:
    """The value that chi-square passes with probability `beyond`, by Wilson and Hilferty (1931), good to 2 %.

    >>> round(chi_square_quantile(9, 0.001), 1)
    28.1
    """
    spread = 2 / (9 * max(freedom, 1))
    z = NormalDist().inv_cdf(1 - beyond)
    return float(max(freedom, 1) * max(1 - spread + z * spread**0.5, 0.0) ** 3)


def by_chance(
    statistic: Statistic, bins: NumberBins | CategoryBins, reference_rows: int, rows: int, beyond: float
) -> float:
    """The value that a statistic passes with probability `beyond` when nothing changed; infinite without rows.

    PSI and eight times the squared Jensen-Shannon distance follow chi-square, scaled by 1/n + 1/m; Kolmogorov-Smirnov
    its own law (first term), the Wasserstein distance that of `area_by_chance`; the shares of rows are binomial.

    >>> bins = NumberBins(tuple(range(9)), (0.1,) * 10)
    >>> round(by_chance(Statistic.PSI, bins, 80_000, 1_000, 0.001), 4)
    0.0284
    """
    if reference_rows <= 0 or rows <= 0:
        return math.inf
    scale, z = 1 / rows + 1 / reference_rows, NormalDist().inv_cdf(1 - beyond)
    freedom = max(sum(1 for share in bins.all_shares if share > 0) - 1, 1)
    match statistic:
        case Statistic.PSI:
            return chi_square_quantile(freedom, beyond) * scale
        case Statistic.JS:
            return math.sqrt(chi_square_quantile(freedom, beyond) * scale / 8)
        case Statistic.CHI2:
            return chi_square_quantile(freedom, beyond)
        case Statistic.KS:
            return math.sqrt(-math.log(beyond / 2) / 2 * scale)
        case Statistic.WASSERSTEIN:
            sketch = bins.sketch if isinstance(bins, NumberBins) else None
            return area_by_chance(sketch, rows, beyond) if sketch is not None else math.inf
        case Statistic.MISSING | Statistic.NEW | Statistic.RANGE:
            share = bins.missing if statistic is Statistic.MISSING else 0.0
            return share + z * math.sqrt(max(share * (1 - share), 1 / reference_rows) * scale) + z * z / (2 * rows)


__all__ = ["SELDOM", "SMALLEST_EFFECT", "by_chance", "chi_square_quantile"]
