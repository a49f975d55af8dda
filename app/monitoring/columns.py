"""The signals of the columns: each statistic of each feature and of the score, against a limit that fits the window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.problem import Direction
from app.domain.project import Monitoring
from app.monitoring.calibration import Calibration
from app.monitoring.chance import SELDOM, SMALLEST_EFFECT, by_chance
from app.monitoring.reference import Bins, NumberBins, Profile
from app.monitoring.signals import SignalValue, by_hand, judged
from app.monitoring.tally import Measured, Statistic

OLD_PSI_LIMIT = 0.25
"""The limit of a profile that was kept without a calibration and without sketches, as for versions of 0.1."""
HIGHEST_PSI_LIMIT = 1.0
SCORE = "score"


@dataclass(frozen=True)
class Standing:
    """What the limits of one column depend on, beside the column itself."""

    rules: Monitoring
    reference_rows: int
    calibration: Calibration | None
    columns: int
    importance: float | None
    month: int | None


def feature_signals(
    profile: Profile, measured: Mapping[str, Measured], rules: Monitoring, rows: int, *, month: int | None = None
) -> list[SignalValue]:
    """Every statistic of every feature of the profile; one that the window lacks says so."""
    found = []
    for name, bins in profile.features.items():
        standing = Standing(
            rules, profile.rows, profile.calibration, len(profile.features), profile.importance.get(name), month
        )
        found += column_signals(name, name, "drift", bins, measured.get(name), rows, standing)
    return found


def score_signals(
    profile: Profile, measured: Measured | None, rules: Monitoring, rows: int, *, month: int | None = None
) -> list[SignalValue]:
    """Every statistic of the watched score."""
    if profile.score is None:
        return []
    standing = Standing(rules, profile.score_rows, profile.score_calibration, 1, None, month)
    return column_signals(SCORE, None, "prediction", profile.score, measured, rows, standing)


def column_signals(
    name: str, feature: str | None, kind: str, bins: Bins, measured: Measured | None, rows: int, standing: Standing
) -> list[SignalValue]:
    """The statistics of one column; a feature that is called like the score is told apart from it."""
    shown = f"{name} (feature)" if feature == SCORE else name
    found = []
    for statistic in statistics_of(bins):
        value, says = _value(statistic, bins, measured, rows, standing)
        found.append(
            judged(
                f"{statistic}.{shown}",
                kind,
                value,
                _limit(statistic, name, shown, bins, rows, standing),
                Direction.LOWER,
                feature=feature,
                says=says,
                importance=standing.importance,
            )
        )
    return found


def statistics_of(bins: Bins) -> tuple[Statistic, ...]:
    """What can be measured of a column with this reference: an old profile has no sketch and no rare values.

    >>> [str(one) for one in statistics_of(NumberBins((1.0,), (0.5, 0.5)))]
    ['psi', 'js', 'chi2', 'missing']
    """
    always = (Statistic.PSI, Statistic.JS, Statistic.CHI2, Statistic.MISSING)
    if isinstance(bins, NumberBins):
        sketched = (Statistic.KS, Statistic.WASSERSTEIN, Statistic.RANGE)
        return (*always, *sketched) if bins.sketch is not None and bins.sketch.rows else always
    return (*always, Statistic.NEW) if bins.rare is not None else always


def _value(
    statistic: Statistic, bins: Bins, measured: Measured | None, rows: int, standing: Standing
) -> tuple[float, str]:
    if measured is None and rows:
        return math.nan, "the window has no such column"
    if measured is None or measured.rows == 0:
        return math.nan, "the window has no rows"
    if measured.rows < standing.rules.minimum_rows:
        return math.nan, f"{measured.rows} rows, at least {standing.rules.minimum_rows} are needed"
    if sum(bins.all_shares) <= 0:
        return math.nan, "the training profile has no rows for it"
    if statistic is Statistic.PSI and standing.reference_rows <= 0:
        return math.nan, "the training profile does not say how many rows it has"
    value = measured.values.get(statistic, math.nan)
    if not math.isfinite(value):
        return math.nan, _why_not(statistic, bins, measured)
    return value, _odd(measured) if statistic in (Statistic.PSI, Statistic.MISSING) else ""


def _why_not(statistic: Statistic, bins: Bins, measured: Measured) -> str:
    if measured.shares and measured.shares[-1] >= 1:
        return "every value of the window is missing"
    constant = isinstance(bins, NumberBins) and bins.sketch is not None and not bins.sketch.deviation > 0
    if statistic is Statistic.WASSERSTEIN and constant:
        return "the reference is constant: it has no standard deviation to count in"
    return "the training profile does not define it"


def _odd(measured: Measured) -> str:
    """What is odd about the window's column, in words."""
    if measured.shares[-1] >= 1:
        what = "every value of the window is missing"
    elif measured.only is not None:
        what = f"every value of the window is {measured.only}"
    else:
        what = ""
    infinite = f"{measured.infinite:,} infinite values count as missing" if measured.infinite else ""
    return "; ".join(part for part in (what, infinite) if part)


def _limit(statistic: Statistic, name: str, shown: str, bins: Bins, rows: int, standing: Standing) -> float | None:
    rules = standing.rules
    set_by_hand = by_hand(rules, f"{statistic}.{shown}")
    if set_by_hand is None and str(statistic) not in rules.alarm_on:
        return None
    share = rules.false_alarm_rate * _part_of_alarms(statistic, bins, rules)
    weight = _weight(standing)
    chance = by_chance(statistic, bins, standing.reference_rows, rows, share * weight / standing.columns)
    if set_by_hand is not None:
        return max(set_by_hand, chance) if statistic is Statistic.PSI else set_by_hand
    if (bins.sketch if isinstance(bins, NumberBins) else bins.rare) is None:
        return max(OLD_PSI_LIMIT, chance) if statistic is Statistic.PSI else None
    own = math.nan
    if standing.calibration is not None:
        beyond = min(share * weight, 0.5)
        own = standing.calibration.limit(str(statistic), name, rows, beyond, chance=chance, month=standing.month)
    if statistic is Statistic.PSI:
        own = min(own, max(HIGHEST_PSI_LIMIT, chance)) if math.isfinite(own) else own
    floor = SMALLEST_EFFECT.get(statistic, 0.0)
    if statistic is Statistic.MISSING:
        floor += bins.missing
    return max(value for value in (own, chance, floor) if not math.isnan(value))


def _part_of_alarms(statistic: Statistic, bins: Bins, rules: Monitoring) -> float:
    """The part of a column's false alarms that one of its statistics may make; the parts sum to 1."""
    parts = {one: 0.1 if one in SELDOM else 1.0 for one in statistics_of(bins) if str(one) in rules.alarm_on}
    return parts.get(statistic, 1.0) / (sum(parts.values()) or 1.0)


def _weight(standing: Standing) -> float:
    """The feature's part of the false alarms: half by its importance, half the same for all; 1 on average."""
    if standing.importance is None:
        return 1.0
    return (standing.importance * standing.columns + 1) / 2


__all__ = ["SCORE", "column_signals", "feature_signals", "score_signals", "statistics_of"]
