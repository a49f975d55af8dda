"""A report: every signal of one window against its limit; a signal that cannot be computed says so and never alarms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.domain.problem import Direction, MetricName, Task, at_least, at_most
from app.domain.project import Monitoring
from app.monitoring import drift
from app.monitoring.quality import Numbers, realised
from app.monitoring.reference import Bins, CategoryBins, NumberBins, Profile


@dataclass(frozen=True)
class SignalValue:
    """One number against its limit: NaN when it cannot be computed, with the reason in `says`.

    `direction` says which way the signal is better.
    """

    name: str
    kind: str
    feature: str | None
    value: float
    limit: float | None
    direction: Direction
    breached: bool
    says: str = ""


@dataclass(frozen=True)
class Observed:
    """A window with the answers that were given: scores for every row, labels (NaN where unknown).

    For multiclass, labels and scores are class numbers, `confidence` is the probability of the answer, and
    `probabilities` is rows x classes; otherwise `confidence` is the score.
    """

    frame: pd.DataFrame
    scores: Numbers
    labels: Numbers
    confidence: Numbers | None = None
    probabilities: Numbers | None = None


@dataclass(frozen=True)
class Report:
    """The signals of one window and the shares behind them, in the shape of the training profile."""

    rows: int
    labelled_rows: int
    signals: tuple[SignalValue, ...]
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def breached(self) -> tuple[SignalValue, ...]:
        """The signals past their limits."""
        return tuple(signal for signal in self.signals if signal.breached)


def report(task: Task, profile: Profile, observed: Observed, rules: Monitoring) -> Report:
    """Compute every signal of a window: drift of each feature and of the score, then quality once labels are there.

    A PSI limit is raised to what chance alone reaches in a window of that size (`drift.chance`), so that small windows
    and columns of many values do not alarm by themselves.
    """
    rows = len(observed.frame)
    known = np.isfinite(observed.labels)
    shares: dict[str, tuple[float, ...]] = {}
    signals: list[SignalValue] = []
    for name, bins in profile.features.items():
        values = observed.frame.get(name)
        signal, current = _drift(f"psi.{name}", "drift", name, bins, values, profile.rows, rows, rules, rules.psi_limit)
        signals.append(signal)
        if current is not None:
            shares[name] = current
    if profile.score is not None:
        scores = pd.Series(observed.scores if observed.confidence is None else observed.confidence, dtype="float64")
        signal, current = _drift(
            "psi.score",
            "prediction",
            None,
            profile.score,
            scores,
            profile.score_rows,
            rows,
            rules,
            rules.score_psi_limit,
        )
        signals.append(signal)
        if current is not None:
            shares["score"] = current
    signals.extend(_quality(task, observed, known, rules))
    return Report(rows, int(known.sum()), tuple(signals), shares)


def _drift(
    name: str,
    kind: str,
    feature: str | None,
    bins: Bins,
    values: "pd.Series[Any] | None",
    reference_rows: int,
    rows: int,
    rules: Monitoring,
    limit: float,
) -> tuple[SignalValue, tuple[float, ...] | None]:
    def unknown(says: str, current: tuple[float, ...] | None = None) -> tuple[SignalValue, tuple[float, ...] | None]:
        return SignalValue(name, kind, feature, math.nan, limit, Direction.LOWER, False, says), current

    if values is None:
        return unknown("the window has no such column")
    if rows == 0:
        return unknown("the window has no rows")
    current = _shares(values, bins)
    if rows < rules.minimum_rows:
        return unknown(f"{rows} rows, at least {rules.minimum_rows} are needed", current)
    if sum(bins.all_shares) <= 0:
        return unknown("the training profile has no rows for it", current)
    floor = drift.half_a_row(min(rows, reference_rows) if reference_rows else rows)
    value = drift.psi(bins.all_shares, current, floor=floor)
    by_chance = drift.chance(len(current), reference_rows, rows)
    effective = max(limit, by_chance)
    if not math.isfinite(effective):
        return unknown("the training profile does not say how many rows it has", current)
    breached = not at_most(value, effective)
    return SignalValue(name, kind, feature, value, effective, Direction.LOWER, breached), current


def _shares(values: "pd.Series[Any]", bins: Bins) -> tuple[float, ...]:
    match bins:
        case NumberBins():
            found = drift.number_shares(values, bins)
        case CategoryBins():
            found = drift.category_shares(values, bins)
    return tuple(float(share) for share in found)


def _quality(task: Task, observed: Observed, known: NDArray[np.bool_], rules: Monitoring) -> list[SignalValue]:
    labelled = int(known.sum())
    probabilities = observed.probabilities[known] if observed.probabilities is not None else None
    values = realised(task, observed.labels[known], observed.scores[known], probabilities=probabilities)
    return [_metric(name, value, labelled, rules) for name, value in values.items()]


def _metric(name: MetricName, value: float, labelled: int, rules: Monitoring) -> SignalValue:
    limit = rules.limits.get(name)
    if labelled < rules.minimum_rows:
        says = f"{labelled} labelled rows, at least {rules.minimum_rows} are needed"
        return SignalValue(str(name), "quality", None, math.nan, limit, name.direction, False, says)
    if not math.isfinite(value):
        says = "these labels do not define it (only one class, or no spread)"
        return SignalValue(str(name), "quality", None, math.nan, limit, name.direction, False, says)
    good = limit is None or (at_least if name.direction is Direction.HIGHER else at_most)(value, limit)
    return SignalValue(str(name), "quality", None, value, limit, name.direction, not good)


__all__ = ["Observed", "Report", "SignalValue", "report"]
