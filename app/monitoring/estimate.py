"""Quality before the labels are there: what calibrated scores expect (CBPE), or a model of the loss (DLE)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.problem import MetricName, Task
from app.monitoring.losses import LossModel, fit_losses
from app.monitoring.quality import realised

Numbers = NDArray[np.float64]
SMALLEST = 1e-15
BLOCKS = 10
ESTIMATED = {
    Task.BINARY: (MetricName.AUC, MetricName.LOG_LOSS, MetricName.ACCURACY),
    Task.MULTICLASS: (MetricName.ACCURACY,),
    Task.REGRESSION: (MetricName.MAE, MetricName.RMSE),
}


@dataclass(frozen=True)
class Isotonic:
    """A monotone map from score to probability: straight lines between its knots, flat outside of them."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: Numbers) -> Numbers:
        """The calibrated probabilities."""
        return np.interp(scores, self.scores, self.probabilities)


@dataclass(frozen=True)
class EstimateReference:
    """What the out-of-time rows (the test rows) taught about estimating this model's quality.

    `constant` is the metric on those rows: the estimate "nothing changes". `bias` and `error` are mean and deviation of
    estimate from truth over the reference's own later stretches of `block` rows, `noise` the deviation of the metric of
    a single row (divide by the root of the window's rows). `refusal` says why there is no estimate.
    """

    task: Task
    rows: int
    constant: Mapping[str, float]
    bias: Mapping[str, float]
    error: Mapping[str, float]
    noise: Mapping[str, float]
    calibrator: Isotonic | None = None
    losses: LossModel | None = None
    refusal: str = ""
    block: int = 1

    def deviation(self, metric: str, rows: int) -> float:
        """How far, by one standard deviation, an estimate of a window of so many rows may be from the truth.

        What differs between stretches of time evens out in a window that holds many of them; a bias does not.
        """
        apart = self.error.get(metric, 0.0) * math.sqrt(min(self.block / max(rows, 1), 1.0))
        return math.hypot(self.bias.get(metric, 0.0), apart, self.noise.get(metric, 0.0) / math.sqrt(max(rows, 1)))

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "task": str(self.task),
            "block": self.block,
            "bias": dict(self.bias),
            "rows": self.rows,
            "constant": dict(self.constant),
            "error": dict(self.error),
            "noise": dict(self.noise),
            "calibrator": [list(self.calibrator.scores), list(self.calibrator.probabilities)]
            if self.calibrator
            else None,
            "losses": self.losses.as_json() if self.losses else None,
            "refusal": self.refusal,
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> EstimateReference:
        """What `as_json` gave."""
        knots = document.get("calibrator")
        numbers = {
            part: {str(name): float(value) for name, value in document[part].items()}
            for part in ("constant", "bias", "error", "noise")
        }
        return cls(
            Task(document["task"]),
            int(document["rows"]),
            numbers["constant"],
            numbers["bias"],
            numbers["error"],
            numbers["noise"],
            Isotonic(tuple(map(float, knots[0])), tuple(map(float, knots[1]))) if knots else None,
            LossModel.of_json(document["losses"]) if document.get("losses") else None,
            str(document.get("refusal") or ""),
            int(document["block"]),
        )


@dataclass(frozen=True)
class Estimate:
    """A metric as it is expected to be: 95 % of the truths should lie from `low` to `high`."""

    value: float
    low: float
    high: float


def isotonic(scores: Numbers, labels: Numbers) -> Isotonic:
    """The monotone least-squares fit of 0/1 labels on scores (pool adjacent violators); ties are one point.

    >>> isotonic(np.array([.1, .2, .3, .4]), np.array([0., 1., 0., 1.]))([.25]).tolist()
    [0.5]
    """
    points, place = np.unique(scores, return_inverse=True)
    weights = np.bincount(place).astype(float)
    means = np.bincount(place, labels) / weights
    level, weight, count = [], [], []
    for mean, one in zip(means.tolist(), weights.tolist(), strict=True):
        level.append(mean)
        weight.append(one)
        count.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            mean, one, many = level.pop(), weight.pop(), count.pop()
            level[-1] = (level[-1] * weight[-1] + mean * one) / (weight[-1] + one)
            weight[-1] += one
            count[-1] += many
    ends = np.cumsum(count) - 1
    begins = ends - np.asarray(count) + 1
    knots = np.unique(np.concatenate([begins, ends]))
    values = np.repeat(level, count)
    return Isotonic(tuple(points[knots].tolist()), tuple(values[knots].tolist()))


def expected_auc(scores: Numbers, probabilities: Numbers) -> float:
    """The AUC that scores have if each row is positive with its calibrated probability; NaN when one class is certain.

    CBPE as published by NannyML: thresholds in the order of the raw scores, the counts expected.

    >>> expected_auc(np.array([.9, .1]), np.array([1., 0.]))
    1.0
    """
    order = np.argsort(-scores, kind="stable")
    ordered, expected = scores[order], probabilities[order]
    last = np.append(np.diff(ordered) != 0, True)  # a threshold lies between different scores only
    hits, misses = np.cumsum(expected)[last], np.cumsum(1 - expected)[last]
    if not (hits[-1] > 0 and misses[-1] > 0):
        return math.nan
    hits, misses = np.append(0, hits) / hits[-1], np.append(0, misses) / misses[-1]
    return float(np.sum(np.diff(misses) * (hits[1:] + hits[:-1])) / 2)


def expected(task: Task, scores: Numbers, probabilities: Numbers) -> dict[MetricName, float]:
    """What calibrated probabilities expect of the metrics of a classifier.

    For multiclass, scores and probabilities are those of the chosen class.

    >>> expected(Task.MULTICLASS, np.array([.8, .6]), np.array([.7, .5]))
    {<MetricName.ACCURACY: 'accuracy'>: 0.6}
    """
    if task is Task.MULTICLASS:
        return {MetricName.ACCURACY: float(np.mean(probabilities))}
    kept = np.clip(scores, SMALLEST, 1 - SMALLEST)
    loss = -(probabilities * np.log(kept) + (1 - probabilities) * np.log(1 - kept))
    return {
        MetricName.AUC: expected_auc(scores, probabilities),
        MetricName.LOG_LOSS: float(np.mean(loss)),
        MetricName.ACCURACY: float(np.mean(np.where(scores >= 0.5, probabilities, 1 - probabilities))),
    }


def estimated(
    reference: EstimateReference, scores: Numbers, features: Mapping[str, Numbers] | None = None
) -> dict[MetricName, Estimate]:
    """The estimates of a window from its scores (for a regression also from its numeric features).

    Nothing for a reference that refuses, or a window without a finite score.
    """
    known = np.isfinite(scores)
    if reference.refusal or not known.any():
        return {}
    rows = int(known.sum())
    if reference.calibrator is not None:
        values = expected(reference.task, scores[known], reference.calibrator(scores[known]))
    elif reference.losses is not None:
        columns = {name: column[known] for name, column in (features or {}).items()}
        values = reference.losses.metrics({**columns, "": scores[known]})
    else:
        return {}
    found = {}
    for name, value in values.items():
        if math.isfinite(value) and name in reference.constant:
            half = 1.96 * reference.deviation(name, rows)
            low, high = (0.0, 1.0) if name in (MetricName.AUC, MetricName.ACCURACY) else (0.0, math.inf)
            found[name] = Estimate(value, max(value - half, low), min(value + half, high))
    return found


def estimate_reference(
    task: Task,
    labels: Numbers,
    scores: Numbers,
    confidence: Numbers,
    features: Mapping[str, Numbers],
    *,
    refusal: str = "",
) -> EstimateReference:
    """Learn from the out-of-time rows, which must be in the order of time.

    The error of the estimate is measured forward: learned on the first half, asked about stretches of the second.
    `scores` are probabilities (binary), class numbers (multiclass) or numbers; `confidence` is the watched score.
    """
    names, rows = ESTIMATED[task], len(labels)
    known = realised(task, labels, scores)
    constant = {str(name): known[name] for name in names if math.isfinite(known[name])}
    if rows < 20 * BLOCKS:
        refusal = refusal or f"{rows} rows are too few to learn an estimate from"
    if task is Task.BINARY and len(np.unique(labels)) < 2:
        refusal = refusal or "the reference rows have one class only"
    if refusal:
        return EstimateReference(task, rows, constant, {}, {}, {}, refusal=refusal)
    truth = (labels == scores).astype(float) if task is Task.MULTICLASS else labels
    half = rows // 2

    def learned(upto: int) -> EstimateReference:
        if task is Task.REGRESSION:
            columns = {**{name: column[:upto] for name, column in features.items()}, "": confidence[:upto]}
            return EstimateReference(
                task, upto, constant, {}, {}, {}, losses=fit_losses(columns, np.abs(labels - scores)[:upto])
            )
        return EstimateReference(task, upto, constant, {}, {}, {}, isotonic(confidence[:upto], truth[:upto]))

    first = learned(half)
    misses: dict[str, list[float]] = {str(name): [] for name in names}
    draws: dict[str, list[float]] = {str(name): [] for name in names}
    cuts = np.linspace(half, rows, BLOCKS // 2 + 1).astype(int)
    for begin, end in pairwise(cuts.tolist()):
        columns = {name: column[begin:end] for name, column in features.items()}
        guess = estimated(first, confidence[begin:end], columns)
        actual = realised(task, labels[begin:end], scores[begin:end])
        for name in names:
            if name in guess and math.isfinite(actual[name]):
                misses[str(name)].append(guess[name].value - actual[name])
    generator = np.random.default_rng(7)
    for _ in range(20):
        drawn = generator.integers(0, rows, min(rows, 4000))
        for name, value in realised(task, labels[drawn], scores[drawn]).items():
            if name in names and math.isfinite(value):
                draws[str(name)].append(value * math.sqrt(len(drawn)))
    noise = {name: float(np.std(values)) if values else 0.0 for name, values in draws.items()}
    block = (rows - half) // (len(cuts) - 1)
    bias = {name: abs(float(np.mean(values))) if values else 0.0 for name, values in misses.items()}
    error = {
        name: math.sqrt(max(float(np.var(values, ddof=1)) - noise[name] ** 2 / block, 0.0)) if len(values) > 1 else 0.0
        for name, values in misses.items()
    }
    whole = learned(rows)
    return EstimateReference(task, rows, constant, bias, error, noise, whole.calibrator, whole.losses, block=block)


__all__ = [
    "Estimate", "EstimateReference", "Isotonic", "estimate_reference", "estimated", "expected", "expected_auc",
    "isotonic",
]  # fmt: skip
