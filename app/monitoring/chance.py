"""What each statistic reaches by chance alone, in a window of so many rows without any change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from app.monitoring.area import area_by_chance
from app.monitoring.drift import half_a_row
from app.monitoring.reference import CategoryBins, NumberBins
from app.monitoring.stability import chi_square_quantile, psi_by_chance
from app.monitoring.tally import Statistic

SMALLEST_EFFECT = {
    Statistic.PSI: 0.0025,
    Statistic.JS: 0.0175,
    Statistic.KS: 0.02,
    Statistic.WASSERSTEIN: 0.05,
    Statistic.MISSING: 0.01,
    Statistic.NEW: 0.005,
    Statistic.SHARE: 0.01,
    Statistic.RANGE: 0.01,
}
"""What is worth a look however many rows prove it.

The smallest move that is to be found is a tenth of a number's standard deviation; the floors of distances are half of
what it makes of them, so that one which looks smaller by chance is found too.
"""
CHANGE_STEPS = 24
"""Halvings of the interval in which a limit is looked for: to 6e-8."""
SELDOM = frozenset({Statistic.MISSING, Statistic.NEW, Statistic.RANGE})
"""Shares of rows that are 0 as a rule: a tenth of a distance's part of the false alarms is enough for them."""


def by_chance(
    statistic: Statistic, bins: NumberBins | CategoryBins, reference_rows: int, rows: int, beyond: float
) -> float:
    """The value that a statistic passes with probability `beyond` when nothing changed; infinite without rows.

    PSI follows `psi_by_chance`; eight times the squared Jensen-Shannon distance chi-square, scaled by 1/n + 1/m;
    Kolmogorov-Smirnov its own law (first term), the Wasserstein distance that of `area_by_chance`; the shares of rows
    are binomial, and the largest change of any is held to `change_by_chance`.

    >>> bins = NumberBins(tuple(range(9)), (0.1,) * 10)
    >>> round(by_chance(Statistic.PSI, bins, 80_000, 1_000, 0.001), 4)
    0.0287
    """
    if reference_rows <= 0 or rows <= 0:
        return math.inf
    scale, z = 1 / rows + 1 / reference_rows, NormalDist().inv_cdf(1 - beyond)
    freedom = max(sum(1 for share in bins.all_shares if share > 0) - 1, 1)
    match statistic:
        case Statistic.PSI:
            return psi_by_chance(bins.all_shares, 1 / scale, half_a_row(min(rows, reference_rows)), beyond)
        case Statistic.JS:
            return math.sqrt(chi_square_quantile(freedom, beyond) * scale / 8)
        case Statistic.CHI2:
            return chi_square_quantile(freedom, beyond)
        case Statistic.KS:
            return math.sqrt(-math.log(beyond / 2) / 2 * scale)
        case Statistic.WASSERSTEIN:
            sketch = bins.sketch if isinstance(bins, NumberBins) else None
            return area_by_chance(sketch, rows, beyond) if sketch is not None else math.inf
        case Statistic.SHARE:
            return change_by_chance(bins.all_shares, 1 / scale, beyond)
        case Statistic.MISSING | Statistic.NEW | Statistic.RANGE:
            share = bins.missing if statistic is Statistic.MISSING else 0.0
            return share + z * math.sqrt(max(share * (1 - share), 1 / reference_rows) * scale) + z * z / (2 * rows)


def change_by_chance(shares: Sequence[float], rows: float, beyond: float) -> float:
    """The change that any of some shares passes with probability `beyond` in so many rows of the same.

    The sum over the values of both tails of their binomials: large values, whose share moves most by chance, take
    nearly all of it, and rare ones nearly nothing. A tail is Φ(-sqrt(2 rows KL)), the first term of its saddlepoint
    approximation (Lugannani and Rice 1980), so it is right for a share near 0 too, where a normal number is not.

    >>> round(change_by_chance((0.5, 0.5), 1_000, 0.01), 4)
    0.0444
    """
    known = [(share, math.log(share), math.log1p(-share)) for share in shares if 0 < share < 1]
    low, high = 0.0, 1.0
    for _ in range(CHANGE_STEPS):
        change = (low + high) / 2
        chance = 0.0
        for share, log, log_rest in known:
            for now in (share + change, share - change):
                if 0 < now < 1:
                    apart = now * (math.log(now) - log) + (1 - now) * (math.log1p(-now) - log_rest)
                    chance += math.erfc(math.sqrt(max(rows * apart, 0.0))) / 2
        low, high = (change, high) if chance > beyond else (low, change)
    return high


__all__ = ["SELDOM", "SMALLEST_EFFECT", "by_chance", "change_by_chance"]
