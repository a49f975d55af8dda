"""Realised quality: what the labels, once they are there, say about the answers that were given."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.problem import MetricName, Task

Numbers = NDArray[np.float64]
SMALLEST_PROBABILITY = 1e-15


def auc(labels: Numbers, scores: Numbers) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney); NaN when only one class is there.

    >>> auc(np.array([0., 0., 1., 1.]), np.array([.1, .4, .35, .8]))
    0.75
    """
    positive = int((labels == 1).sum())
    negative = len(labels) - positive
    if positive == 0 or negative == 0:
        return math.nan
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[place]
    above = ranks[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def log_loss(labels: Numbers, scores: Numbers) -> float:
    """Mean negative log-likelihood of binary labels; probabilities are kept within 1e-15 of 0 and 1.

    >>> round(log_loss(np.array([1., 0.]), np.array([.8, .2])), 4)
    0.2231
    """
    kept = np.clip(scores, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-np.mean(labels * np.log(kept) + (1 - labels) * np.log(1 - kept)))


def multiclass_log_loss(labels: NDArray[np.int64], probabilities: Numbers) -> float:
    """Mean negative log-likelihood of class numbers (rows x classes probabilities)."""
    of_label = np.clip(probabilities[np.arange(len(labels)), labels], SMALLEST_PROBABILITY, 1.0)
    return float(-np.mean(np.log(of_label)))


def realised(
    task: Task, labels: Numbers, scores: Numbers, *, probabilities: Numbers | None = None
) -> dict[MetricName, float]:
    """The metrics of a task over rows whose label is known; NaN for one that these rows do not define.

    `scores` are probabilities of class 1 (binary), class numbers (multiclass) or predicted numbers (regression);
    `probabilities` (rows x classes) are for multiclass.

    >>> realised(Task.REGRESSION, np.array([1., 3.]), np.array([2., 2.]))[MetricName.RMSE]
    1.0
    """
    names = {
        Task.BINARY: (MetricName.AUC, MetricName.LOG_LOSS, MetricName.ACCURACY),
        Task.MULTICLASS: (MetricName.LOG_LOSS, MetricName.ACCURACY),
        Task.REGRESSION: (MetricName.RMSE, MetricName.MAE, MetricName.R2),
    }[task]
    if len(labels) == 0:
        return dict.fromkeys(names, math.nan)
    if task is Task.BINARY:
        return {
            MetricName.AUC: auc(labels, scores),
            MetricName.LOG_LOSS: log_loss(labels, scores),
            MetricName.ACCURACY: float(np.mean((scores >= 0.5) == (labels == 1))),
        }
    if task is Task.MULTICLASS:
        loss = multiclass_log_loss(labels.astype(np.int64), probabilities) if probabilities is not None else math.nan
        return {MetricName.LOG_LOSS: loss, MetricName.ACCURACY: float(np.mean(labels == scores))}
    errors = labels - scores
    spread = float(np.sum((labels - labels.mean()) ** 2))
    return {
        MetricName.RMSE: float(np.sqrt(np.mean(errors**2))),
        MetricName.MAE: float(np.mean(np.abs(errors))),
        MetricName.R2: 1 - float(np.sum(errors**2)) / spread if spread > 0 else math.nan,
    }


def skill(
    task: Task,
    labels: Numbers,
    scores: Numbers,
    naive: Sequence[float],
    *,
    probabilities: Numbers | None = None,
) -> float:
    """How much of the naive baseline's loss the model saves: 1 is all of it, 0 nothing, under 0 the model is worse.

    The loss is the mean log-loss of a class, the mean square of a number. `naive` is what the baseline answers: the
    shares of the classes in training, or its mean (or quantile). NaN where `naive` is empty or loses nothing.

    >>> skill(Task.REGRESSION, np.array([1., 3.]), np.array([1., 3.]), [2.0])
    1.0
    """
    if not naive or len(labels) == 0 or (task is Task.MULTICLASS and probabilities is None):
        return math.nan
    if task is Task.REGRESSION:
        base, mine = float(np.mean((labels - naive[0]) ** 2)), float(np.mean((labels - scores) ** 2))
    elif task is Task.BINARY:
        base, mine = log_loss(labels, np.full(len(labels), naive[-1])), log_loss(labels, scores)
    else:
        assert probabilities is not None
        classes = labels.astype(np.int64)
        base = multiclass_log_loss(classes, np.tile(np.asarray(naive, dtype=float), (len(labels), 1)))
        mine = multiclass_log_loss(classes, probabilities)
    return 1 - mine / base if base > 0 else math.nan


def calibration_error(right: Numbers, sure: Numbers, *, bins: int = 10) -> float:
    """Expected calibration error over ten bins of equal rows (Naeini 2015): how far promises and outcomes are apart.

    >>> calibration_error(np.array([1., 1., 0., 0.]), np.full(4, 0.5))
    0.0
    """
    if len(right) == 0:
        return math.nan
    edges = np.unique(np.quantile(sure, np.arange(1, bins) / bins))
    places = np.searchsorted(edges, sure, side="right")
    apart = np.bincount(places, sure, len(edges) + 1) - np.bincount(places, right, len(edges) + 1)
    return float(np.abs(apart).sum() / len(right))


__all__ = ["auc", "calibration_error", "log_loss", "multiclass_log_loss", "realised", "skill"]
