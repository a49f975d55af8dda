"""A report: every signal of one window against its limit; a signal that cannot be computed says so and never alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from app.domain.problem import Direction, MetricName, Task
from app.domain.project import Monitoring
from app.monitoring.answers import estimate_signals, quality_signals, slice_signals
from app.monitoring.columns import SCORE, feature_signals, score_signals
from app.monitoring.multivariate import FEWEST, chance_auc, domain_auc
from app.monitoring.observed import Observed
from app.monitoring.quality import Numbers
from app.monitoring.reference import Profile
from app.monitoring.signals import SignalValue, by_hand, judged
from app.monitoring.tally import Measured, Statistic, add, tally_of
from app.monitoring.trees import Fit


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


def report(
    task: Task,
    profile: Profile,
    observed: Observed,
    rules: Monitoring,
    *,
    slices: Sequence[str] = (),
    metric: MetricName | None = None,
    month: int | None = None,
    fit: Fit | None = None,
) -> Report:
    """Compute every signal of a window: drift of each feature and of the score, then quality once labels are there.

    `slices` are columns by whose values `metric` is told too; `month` (1 to 12) is the calendar month that the window
    lies in, if it lies in one. Whatever the order of the rows, the numbers are the same.
    """
    known = np.isfinite(observed.labels)
    measured = measure(profile, observed.frame)
    watched = observed.scores if observed.confidence is None else observed.confidence
    score = _measured_score(profile, watched)
    signals = [
        *drift_report(profile, measured, score, rules, len(observed.frame), month=month),
        *_joint(profile, observed.frame, rules, fit),
        *_duplicates(observed, rules),
        *quality_signals(task, profile, observed, known, rules),
        *estimate_signals(task, profile, observed, known, rules),
        *(slice_signals(task, metric, slices, observed, known, rules) if metric is not None else ()),
    ]
    shares = {name: one.shares for name, one in measured.items() if one.rows}
    if score is not None and score.rows:
        shares[SCORE] = score.shares
    return Report(len(observed.frame), int(known.sum()), tuple(signals), shares)


def measure(profile: Profile, frame: pd.DataFrame) -> dict[str, Measured]:
    """The statistics of every column that profile and window share: one sort or one count each."""
    found = {}
    for name, bins in profile.features.items():
        if name in frame:
            tally = tally_of(bins)
            add(tally, frame[name])
            found[name] = tally.measured(profile.rows)
    return found


def drift_report(
    profile: Profile,
    measured: Mapping[str, Measured],
    score: Measured | None,
    rules: Monitoring,
    rows: int,
    *,
    month: int | None = None,
) -> list[SignalValue]:
    """The signals of measured columns, the score's after them, and `drift`: their PSI weighted by importance."""
    features = feature_signals(profile, measured, rules, rows, month=month)
    weighted = [
        (signal.importance if signal.importance is not None else 1.0, signal.value)
        for signal in features
        if signal.name.startswith(f"{Statistic.PSI}.") and math.isfinite(signal.value)
    ]
    total = sum(weight for weight, _ in weighted)
    value = sum(weight * psi for weight, psi in weighted) / total if total > 0 else math.nan
    says = "mean PSI, weighted by importance" if total > 0 else "no feature could be measured"
    overall = judged("drift", "drift", value, by_hand(rules, "drift"), says=says)
    return [*features, *score_signals(profile, score, rules, rows, month=month), overall]


def _measured_score(profile: Profile, watched: Numbers) -> Measured | None:
    if profile.score is None:
        return None
    tally = tally_of(profile.score)
    add(tally, pd.Series(watched, dtype="float64"))
    return tally.measured(profile.score_rows)


def _joint(profile: Profile, frame: pd.DataFrame, rules: Monitoring, fit: Fit | None) -> list[SignalValue]:
    name = "domain_classifier.auc"
    if profile.sample is None:
        return []
    least = max(FEWEST, rules.minimum_rows)
    if len(frame) < least:
        says = f"{len(frame)} rows, at least {least} are needed"
        return [judged(name, "drift", math.nan, None, says=says)]
    rows = profile.sample.rows_of(frame)
    value = domain_auc(profile.sample.matrix, rows, fit=fit)
    if not math.isfinite(value):
        return [judged(name, "drift", value, None, says="the sample of the reference is too small")]
    chance = chance_auc(len(profile.sample.matrix), len(rows), rules.false_alarm_rate)
    own = profile.sample.limit if math.isfinite(profile.sample.limit) else 0.5
    limit = by_hand(rules, name)
    says = "trees tell these rows from the reference's: .5 is not at all, 1 is always"
    return [judged(name, "drift", value, limit if limit is not None else max(own, chance), Direction.LOWER, says=says)]


def _duplicates(observed: Observed, rules: Monitoring) -> list[SignalValue]:
    keys = [key for key in observed.keys if key in observed.frame]
    if not keys or not len(observed.frame):
        return []
    share = float(observed.frame.duplicated(keys).mean())
    says = f"rows that repeat {', '.join(keys)}" if share else ""
    limit = by_hand(rules, "duplicates")
    return [judged("duplicates", "data", share, 0.0 if limit is None else limit, says=says)]


__all__ = ["Report", "SignalValue", "drift_report", "measure", "report"]
