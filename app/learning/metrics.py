"""Metrics of each task, for all rows at once or for many weightings of them (the resamples of a bootstrap).

A weighting is a row of a (resamples, rows) matrix: float64, or uint8 counts, which are summed in float32 (exact to 16
million rows drawn). Every metric then is an array with one number a resample. NaN stands for "has no meaning here" (a
class is absent) inside this room only; `evaluate` turns it into a reason in words.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from app.domain.problem import Task

Floats = np.ndarray[Any, np.dtype[np.float64]]
Weights = np.ndarray[Any, Any]
Weighted = Callable[[Weights], dict[str, Floats]]
CLIP = 1e-15
BINS = 15
"""Bins of equal width for the calibration error, as in Guo et al. 2017."""


def auc(truth: Floats, score: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U), ties at half; NaN when a class is absent.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.9]))
    0.75
    """
    return float(Ranks(truth, score).auc(np.ones((1, len(truth))))[0])


class Ranks:
    """Scores sorted once, so that each weighting costs one running sum."""

    def __init__(self, truth: Floats, score: Floats) -> None:
        positive = truth == 1
        self._ones, self._zeros = np.flatnonzero(positive), np.flatnonzero(~positive)
        self._zeros = self._zeros[np.argsort(score[self._zeros], kind="stable")]
        below = score[self._zeros]
        self._left = np.searchsorted(below, score[self._ones], side="left")
        self._right = np.searchsorted(below, score[self._ones], side="right")
        self._tied = not np.array_equal(self._left, self._right)
        self._down = np.argsort(-score, kind="stable")
        if len(self._ones) == 0:
            return
        ordered = score[self._down]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        hit = positive[self._down]
        self._ones_down = self._down[hit]  # the positive rows, highest score first
        self._taken_at = ends[np.searchsorted(ends, np.flatnonzero(hit))]  # the last row of the same score
        self._hits_at = np.cumsum(hit)[self._taken_at] - 1

    def auc(self, weights: Weights) -> Floats:
        """The area of each weighting: weighted pairs in the right order, by a running sum over the negative rows."""
        kind = _kind(weights)
        ones = np.take(weights, self._ones, axis=1).astype(kind)
        below = np.zeros((len(weights), len(self._zeros) + 1), dtype=kind)
        np.cumsum(np.take(weights, self._zeros, axis=1), axis=1, dtype=kind, out=below[:, 1:])
        left = np.take(below, self._left, axis=1)
        middle = (left + np.take(below, self._right, axis=1)) / 2 if self._tied else left
        right = np.einsum("ij,ij->i", ones, middle, dtype=np.float64)
        return _share(right, ones.sum(axis=1, dtype=np.float64) * below[:, -1])

    def average_precision(self, weights: Weights) -> Floats:
        """The mean of precision over recall's steps, without interpolation; NaN without a positive row."""
        if len(self._ones) == 0:
            return np.full(len(weights), np.nan)
        kind = _kind(weights)
        taken = np.cumsum(np.take(weights, self._down, axis=1), axis=1, dtype=kind)
        ones = np.take(weights, self._ones_down, axis=1).astype(kind)
        hits = np.cumsum(ones, axis=1)
        precision = np.take(hits, self._hits_at, axis=1)
        np.divide(precision, np.maximum(np.take(taken, self._taken_at, axis=1), 1e-30), out=precision)
        return _share(np.einsum("ij,ij->i", ones, precision, dtype=np.float64), hits[:, -1].astype(np.float64))


class Bins:
    """Rows by the bin of their confidence, for the calibration error."""

    def __init__(self, happened: Floats, confidence: Floats) -> None:
        place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        self._gaps = np.zeros((len(place), BINS))
        self._gaps[np.arange(len(place)), place] = happened - confidence

    def ece(self, weights: Weights) -> Floats:
        """Expected calibration error: the mean over bins of |observed - predicted|, weighted by their rows.

        Naeini, Cooper and Hauskrecht 2015 (AAAI, "Obtaining well calibrated probabilities using Bayesian binning"),
        with 15 bins of equal width (Guo et al. 2017, arXiv 1706.04599).
        """
        kind = _kind(weights)
        gaps = weights.astype(kind) @ self._gaps.astype(kind)
        return _share(np.abs(gaps).sum(axis=1), weights.sum(axis=1, dtype=np.float64))


def scorer(
    task: Task, truth: Floats, predicted: Floats, *, quantile: float | None = None, only: str | None = None
) -> Weighted:
    """A function that gives every metric of a task (or `only` one) for a (resamples, rows) matrix of weights.

    >>> ask = scorer(Task.BINARY, np.array([0.0, 1.0]), np.array([0.2, 0.9]), only="auc")
    >>> ask(np.ones((1, 2)))
    {'auc': array([1.])}
    """
    match task:
        case Task.BINARY:
            return _binary(truth, predicted, only)
        case Task.MULTICLASS:
            return _only(_multiclass(truth, predicted), only)
        case Task.REGRESSION:
            return _only(_regression(truth, predicted, quantile), only)


def _only(ask: Weighted, only: str | None) -> Weighted:
    return ask if only is None else lambda weights: {only: ask(weights)[only]}


def _binary(truth: Floats, predicted: Floats, only: str | None) -> Weighted:
    ranks, bins = Ranks(truth, predicted), Bins(truth, predicted)
    chosen = np.where(truth == 1, predicted, 1 - predicted)
    losses = np.column_stack([_surprise(chosen), (predicted - truth) ** 2, (predicted >= 0.5) == (truth == 1)])
    each: dict[str, Callable[[Weights], Floats]] = {
        "auc": ranks.auc,
        "log_loss": lambda weights: _means(weights, losses[:, :1])[0],
        "accuracy": lambda weights: _means(weights, losses[:, 2:])[0],
        "average_precision": ranks.average_precision,
        "brier": lambda weights: _means(weights, losses[:, 1:2])[0],
        "ece": bins.ece,
    }
    return lambda weights: {name: ask(weights) for name, ask in each.items() if only in (None, name)}


def _multiclass(truth: Floats, predicted: Floats) -> Weighted:
    places = truth.astype(np.int64)
    rows = np.arange(len(truth))
    best = predicted.argmax(axis=1)
    hit = (best == truth).astype(np.float64)
    squares = (predicted**2).sum(axis=1) - 2 * predicted[rows, places] + 1
    losses = np.column_stack([_surprise(predicted[rows, places]), hit, squares])
    bins = Bins(hit, predicted[rows, best])

    def ask(weights: Weights) -> dict[str, Floats]:
        means = _means(weights, losses)
        return {"log_loss": means[0], "accuracy": means[1], "brier": means[2], "ece": bins.ece(weights)}

    return ask


def _regression(truth: Floats, predicted: Floats, quantile: float | None) -> Weighted:
    error = truth - predicted
    middle = truth.mean() if len(truth) else 0.0  # squares around it do not lose digits
    columns = [error**2, np.abs(error), (truth - middle) ** 2, truth - middle]
    if quantile is not None:
        columns += [np.maximum(quantile * error, (quantile - 1) * error), truth <= predicted]
    losses = np.column_stack(columns)
    constant = len(truth) > 0 and truth.min() == truth.max()

    def ask(weights: Weights) -> dict[str, Floats]:
        means = _means(weights, losses)
        spread = np.maximum(means[2] - means[3] ** 2, 0.0)
        spread = np.zeros_like(spread) if constant else spread
        found = {} if quantile is None else {"pinball": means[4]}
        found |= {"rmse": np.sqrt(means[0]), "mae": means[1], "r2": 1 - _share(means[0], spread)}
        return found if quantile is None else {**found, "coverage": means[5]}

    return ask


def _surprise(chances: Floats) -> Floats:
    """Log loss of each row; a chance of 0 counts as 1e-15."""
    return np.asarray(-np.log(np.clip(chances, CLIP, 1.0)))


def _means(weights: Weights, losses: Floats) -> Floats:
    kind = _kind(weights)
    sums = (weights.astype(kind) @ losses.astype(kind)).T.astype(np.float64)
    return np.asarray(_share(sums, weights.sum(axis=1, dtype=np.float64)))


def _kind(weights: Weights) -> Any:
    return np.float64 if weights.dtype == np.float64 else np.float32


def _share(part: Any, whole: Any) -> Floats:
    out: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return out


__all__ = ["BINS", "Bins", "Ranks", "auc", "scorer"]
