"""The signals of the answers: realised quality, estimates before the labels, skill, calibration, slices, coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.domain.problem import Direction, MetricName, Task
from app.domain.project import Monitoring
from app.monitoring.estimate import estimated
from app.monitoring.quality import calibration_error, realised, skill
from app.monitoring.reference import Profile
from app.monitoring.signals import SignalValue, by_hand, judged

if TYPE_CHECKING:
    from app.monitoring.observed import Observed

MOST_SLICES = 12
LONGEST_VALUE = 80


def quality_signals(
    task: Task, profile: Profile, observed: Observed, known: NDArray[np.bool_], rules: Monitoring
) -> list[SignalValue]:
    """Realised metrics, skill over the naive baseline, calibration, and how many labels there are and how late."""
    labelled, rows = int(known.sum()), len(known)
    values = _realised(task, observed, known)
    found = [_metric(name, value, labelled, rules) for name, value in values.items()]
    coverage = labelled / rows if rows else math.nan
    found.append(
        judged(
            "label_coverage",
            "labels",
            coverage,
            by_hand(rules, "label_coverage"),
            Direction.HIGHER,
            says=f"{labelled:,} of {rows:,} rows have their label" if rows else "the window has no rows",
        )
    )
    lags = observed.label_lag_hours[known] if observed.label_lag_hours is not None else np.empty(0)
    lags = lags[np.isfinite(lags)]
    if observed.label_lag_hours is not None:
        median = float(np.median(lags)) if len(lags) else math.nan
        late = f"nine of ten labels came within {np.quantile(lags, 0.9):,.1f} h" if len(lags) else "no label has come"
        found.append(judged("label_lag_hours", "labels", median, by_hand(rules, "label_lag_hours"), says=late))
    return [*found, *_beyond(task, profile, observed, known, rules)]


def _beyond(
    task: Task, profile: Profile, observed: Observed, known: NDArray[np.bool_], rules: Monitoring
) -> list[SignalValue]:
    """Skill and calibration: what the realised metrics alone do not say."""
    labelled = int(known.sum())
    few = _few(labelled, rules)
    labels, scores = observed.labels[known], observed.scores[known]
    probabilities = observed.probabilities[known] if observed.probabilities is not None else None
    value = math.nan if few else skill(task, labels, scores, profile.naive, probabilities=probabilities)
    says = few or ("" if math.isfinite(value) else "the profile does not know the naive baseline")
    found = [judged("skill", "skill", value, by_hand(rules, "skill"), Direction.HIGHER, says=says)]
    if task is not Task.MULTICLASS:
        bias = math.nan if few else float(np.mean(scores) - np.mean(labels))
        found.append(judged("bias", "calibration", abs(bias), by_hand(rules, "bias"), says=few or f"{bias:+.4f}"))
    if task is not Task.REGRESSION:
        sure = observed.confidence[known] if observed.confidence is not None else scores
        right = (labels == scores).astype(float) if task is Task.MULTICLASS else labels
        ece = math.nan if few else calibration_error(right, sure)
        found.append(judged("ece", "calibration", ece, by_hand(rules, "ece"), says=few))
    return found


def estimate_signals(
    task: Task, profile: Profile, observed: Observed, known: NDArray[np.bool_], rules: Monitoring
) -> list[SignalValue]:
    """What quality is expected to be, "no change" beside it, and both held to the labels that are there."""
    reference = profile.estimate
    if reference is None or not len(observed.frame):
        return []
    if reference.refusal:
        name = f"estimated.{next(iter(reference.constant), 'quality')}"
        return [judged(name, "estimate", math.nan, None, says=reference.refusal)]
    from app.monitoring.numbers import numbers_of

    watched = observed.confidence if observed.confidence is not None else observed.scores
    columns = (
        {name: numbers_of(observed.frame[name]) for name in reference.losses.edges if name in observed.frame}
        if reference.losses is not None
        else None
    )
    few = _few(len(watched), rules)
    estimates = {} if few else estimated(reference, watched, columns)
    labelled = int(known.sum())
    enough = labelled >= rules.minimum_rows
    partial = {} if few or not enough or labelled == len(known) else _part(reference, watched, columns, known)
    truth = _realised(task, observed, known) if enough else {}
    found: list[SignalValue] = []
    for metric, constant in reference.constant.items():
        name = MetricName(metric)
        one = estimates.get(name)
        if one is None:
            says = few or "these scores do not define it"
            found.append(judged(f"estimated.{metric}", "estimate", math.nan, None, name.direction, says=says))
            continue
        says = "before the labels" if labelled == 0 else ""
        found += [
            judged(
                f"estimated.{metric}",
                "estimate",
                one.value,
                _estimate_limit(reference, name, len(watched), rules),
                name.direction,
                says=says,
                low=one.low,
                high=one.high,
            ),
            judged(f"constant.{metric}", "estimate", constant, None, name.direction, says="if nothing had changed"),
        ]
        actual = truth.get(name, math.nan)
        if math.isfinite(actual):
            missed = abs((partial.get(name) or one).value - actual)
            better = "closer than" if missed < abs(constant - actual) else "no closer than"
            says = f"{better} no change ({abs(constant - actual):.4f})"
            limit = by_hand(rules, f"estimate_error.{metric}")
            found.append(judged(f"estimate_error.{metric}", "estimate", missed, limit, says=says))
    return found


def slice_signals(
    task: Task,
    metric: MetricName,
    slices: Sequence[str],
    observed: Observed,
    known: NDArray[np.bool_],
    rules: Monitoring,
) -> list[SignalValue]:
    """The judged metric on the most frequent values of each slicing column, where enough labels are there."""
    found = []
    for column in slices:
        if column not in observed.frame or not known.any():
            continue
        words = observed.frame[column]
        counts = words[known].value_counts().head(MOST_SLICES)
        for value in counts[counts >= rules.minimum_rows].index:
            chosen = known & (words == value).to_numpy(dtype=bool, na_value=False)
            part = _realised(task, observed, chosen).get(metric, math.nan)
            where = f"{column}={str(value)[:LONGEST_VALUE]}"
            name = f"{metric}.{where}"
            says = f"{int(chosen.sum()):,} labelled rows"
            if not math.isfinite(part):
                says = "these labels do not define it (only one class, or no spread)"
            found.append(judged(name, "slice", part, by_hand(rules, name), metric.direction, says=says, slice_=where))
    return found


def _part(reference: Any, watched: Any, columns: Any, known: NDArray[np.bool_]) -> Any:
    """The estimate over the labelled rows alone: what may be compared with the truth about them."""
    part = {name: column[known] for name, column in columns.items()} if columns is not None else None
    return estimated(reference, watched[known], part)


def _estimate_limit(reference: Any, name: MetricName, rows: int, rules: Monitoring) -> float | None:
    """By hand, or three deviations from what the reference reached, as much as its own stretches of time differ."""
    limit = by_hand(rules, f"estimated.{name}")
    if limit is not None:
        return limit
    away = 3 * float(reference.deviation(name, rows))
    constant = float(reference.constant[name])
    return constant - away if name.direction is Direction.HIGHER else constant + away


def _realised(task: Task, observed: Observed, known: NDArray[np.bool_]) -> dict[MetricName, float]:
    probabilities = observed.probabilities[known] if observed.probabilities is not None else None
    return realised(task, observed.labels[known], observed.scores[known], probabilities=probabilities)


def _few(rows: int, rules: Monitoring) -> str:
    return "" if rows >= rules.minimum_rows else f"{rows} labelled rows, at least {rules.minimum_rows} are needed"


def _metric(name: MetricName, value: float, labelled: int, rules: Monitoring) -> SignalValue:
    says = _few(labelled, rules)
    if says:
        value = math.nan
    elif not math.isfinite(value):
        says = "these labels do not define it (only one class, or no spread)"
    return judged(str(name), "quality", value, by_hand(rules, str(name)), name.direction, says=says)


__all__ = ["estimate_signals", "quality_signals", "slice_signals"]
