"""Metrics of each task, for all rows at once or for many weightings of them (the resamples of a bootstrap).

A weighting is a row of a (resamples, rows) matrix: float64, or uint8 counts, which are summed in float32 (exact to 16
million rows drawn). Every metric then is an array with one number a resample. NaN stands for "has no meaning here" (a
class is absent) inside this room only; `evaluate` turns it into a reason in words.

Where rows are drawn in few blocks (`Scorer.of_blocks`), sums are made once a block, and a resample weighs those.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from app.domain.problem import Task

Floats = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.int64]]
Weights = np.ndarray[Any, Any]
Finish = Callable[[Floats], dict[str, Floats]]
Ask = Callable[[Weights], dict[str, Floats]]
CLIP = 1e-15
MOST_NUMBERS = 1_500_000
"""Numbers that are in memory at a time."""
ROUNDING = 1e-6
"""The share of a mean of squares that rounding to float32 may leave where there is nothing."""
BINS = 15
"""Bins of equal width for the calibration error, as in Guo et al. 2017."""


class Scorer:
    """Metrics by name, for a matrix of weights: one number a resample and metric.

    >>> ask = scorer(Task.BINARY, np.array([0.0, 1.0]), np.array([0.2, 0.9]), only="auc")
    >>> ask(np.ones((1, 2)))
    {'auc': array([1.])}
    """

    def __init__(
        self, names: tuple[str, ...], means: "Means | None", ranks: "Ranks | RanksOfBlocks | None" = None
    ) -> None:
        self._names, self._means, self._ranks = names, means, ranks

    def __call__(self, weights: Weights) -> dict[str, Floats]:
        """Every metric for each row of weights."""
        found = {} if self._means is None else self._means(weights)
        if self._ranks is not None:
            for name, ask in (("auc", self._ranks.auc), ("average_precision", self._ranks.average_precision)):
                if name in self._names:
                    found[name] = ask(weights)
        return {name: found[name] for name in self._names}

    def of_blocks(self, codes: Codes, blocks: int) -> Ask:
        """The same metrics for weights of (resamples, blocks); `codes` is the block of each row."""
        means = None if self._means is None else self._means.of_blocks(codes, blocks)
        ranks = RanksOfBlocks(self._ranks, codes, blocks) if isinstance(self._ranks, Ranks) else None
        return Scorer(self._names, means, ranks)


class Means:
    """Metrics that are functions of weighted means: `sums` is (rows, columns), `sizes` the rows behind each (or 1)."""

    def __init__(self, sums: Floats, finish: Finish, sizes: Floats | None = None) -> None:
        self._sums, self._sizes, self._finish = sums, sizes, finish

    def __call__(self, weights: Weights) -> dict[str, Floats]:
        """The metrics of each weighting."""
        if self._sizes is None:
            kind = _kind(weights)
            sums, sizes = weights.astype(kind) @ self._sums.astype(kind), weights.sum(axis=1, dtype=np.float64)
        else:
            sums, sizes = weights.astype(np.float64) @ self._sums, weights.astype(np.float64) @ self._sizes
        return self._finish(_share(sums.T.astype(np.float64), sizes))

    def of_blocks(self, codes: Codes, blocks: int) -> "Means":
        """The same metrics from the sums of blocks."""
        sums = np.zeros((blocks, self._sums.shape[1]))
        for at, column in enumerate(self._sums.T):
            sums[:, at] = np.bincount(codes, column, blocks)
        return Means(sums, self._finish, np.bincount(codes, minlength=blocks).astype(np.float64))


def auc(truth: Floats, score: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U), ties at half; NaN when a class is absent.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.9]))
    0.75
    """
    return float(Ranks(truth, score).auc(np.ones((1, len(truth))))[0])


class Ranks:
    """Scores sorted once, so that each weighting costs one running sum."""

    def __init__(self, truth: Floats, score: Floats) -> None:
        self.positive, self._score = truth == 1, score
        self.ones, zeros = np.flatnonzero(self.positive), np.flatnonzero(~self.positive)
        self.zeros = zeros[np.argsort(score[zeros], kind="stable")]  # the lowest score first
        below = score[self.zeros]
        self.left = np.searchsorted(below, score[self.ones], side="left")
        self.right = np.searchsorted(below, score[self.ones], side="right")
        self.tied = not np.array_equal(self.left, self.right)

    def auc(self, weights: Weights) -> Floats:
        """The area of each weighting: weighted pairs in the right order, by a running sum over the negative rows."""
        kind = _kind(weights)
        ones = np.take(weights, self.ones, axis=1).astype(kind)
        below = np.zeros((len(weights), len(self.zeros) + 1), dtype=kind)
        np.cumsum(np.take(weights, self.zeros, axis=1), axis=1, dtype=kind, out=below[:, 1:])
        left = np.take(below, self.left, axis=1)
        middle = (left + np.take(below, self.right, axis=1)) / 2 if self.tied else left
        right = np.einsum("ij,ij->i", ones, middle, dtype=np.float64)
        return _share(right, ones.sum(axis=1, dtype=np.float64) * below[:, -1])

    @cached_property
    def descent(self) -> tuple[Codes, Codes, Codes, Codes]:
        """All rows and the positive ones, the highest score first; of each positive one, where its score ends."""
        down = np.argsort(-self._score, kind="stable")
        ordered, hit = self._score[down], self.positive[down]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        taken_at = ends[np.searchsorted(ends, np.flatnonzero(hit))]  # the last row of the same score
        return down, down[hit], taken_at, np.cumsum(hit)[taken_at] - 1

    def average_precision(self, weights: Weights) -> Floats:
        """The mean of precision over recall's steps, without interpolation; NaN without a positive row."""
        if len(self.ones) == 0:
            return np.full(len(weights), np.nan)
        kind = _kind(weights)
        down, ones_down, taken_at, hits_at = self.descent
        taken = np.cumsum(np.take(weights, down, axis=1), axis=1, dtype=kind)
        ones = np.take(weights, ones_down, axis=1).astype(kind)
        hits = np.cumsum(ones, axis=1)
        precision = np.take(hits, hits_at, axis=1)
        np.divide(precision, np.maximum(np.take(taken, taken_at, axis=1), 1e-30), out=precision)
        return _share(np.einsum("ij,ij->i", ones, precision, dtype=np.float64), hits[:, -1].astype(np.float64))


class RanksOfBlocks:
    """Pairs and ranks of rows, counted by block once for all weightings; every sum is exact."""

    def __init__(self, ranks: Ranks, codes: Codes, blocks: int) -> None:
        self._ranks, self._codes = ranks, codes
        ones, zeros = codes[ranks.ones], codes[ranks.zeros]
        self._ones = np.bincount(ones, minlength=blocks).astype(np.float64)
        self._zeros = np.bincount(zeros, minlength=blocks).astype(np.float64)
        self._pairs = np.zeros((blocks, blocks))
        below = np.zeros(len(zeros) + 1)
        for block in np.flatnonzero(self._zeros):
            np.cumsum(zeros == block, out=below[1:])
            middle = (below[ranks.left] + below[ranks.right]) / 2 if ranks.tied else below[ranks.left]
            self._pairs[:, block] = np.bincount(ones, middle, blocks)

    def auc(self, weights: Weights) -> Floats:
        """The area of each weighting of blocks: a positive row's block, a negative's, and the pairs in right order."""
        each = weights.astype(np.float64)
        right = np.einsum("ij,ij->i", each @ self._pairs, each)
        return _share(right, (each @ self._ones) * (each @ self._zeros))

    def average_precision(self, weights: Weights) -> Floats:
        """The average precision of each weighting of blocks: at every positive row, what each block has at or above."""
        each, total = weights.astype(np.float64), np.zeros(len(weights))
        down, ones_down, taken_at, _ = self._ranks.descent
        codes, blocks = self._codes[down], len(self._ones)
        rows, ones = _places(codes, blocks), _places(np.where(self._ranks.positive[down], codes, -1), blocks)
        step = max(1, MOST_NUMBERS // max(len(weights), blocks))
        for start in range(0, len(taken_at), step):
            at, of = taken_at[start : start + step], self._codes[ones_down[start : start + step]]
            taken, hits = (
                each @ np.stack([np.searchsorted(places, at, side="right") for places in found])
                for found in (rows, ones)
            )
            total += np.einsum("ij,ij->i", np.take(each, of, axis=1), hits / np.maximum(taken, 1e-30))
        return _share(total, each @ self._ones)


def _places(codes: Codes, blocks: int) -> list[Codes]:
    """Where each block's rows are, in order; -1 is no block."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(blocks + 1)))[1:-1]


def scorer(
    task: Task, truth: Floats, predicted: Floats, *, quantile: float | None = None, only: str | None = None
) -> Scorer:
    """Every metric of a task (or `only` one) for weightings of these rows.

    >>> scorer(Task.REGRESSION, np.array([0.0, 1.0]), np.array([0.0, 3.0]), only="mae")(np.array([[1, 1], [3, 1]]))
    {'mae': array([1. , 0.5])}
    """
    match task:
        case Task.BINARY:
            return _binary(truth, predicted, only)
        case Task.MULTICLASS:
            return _multiclass(truth, predicted, only)
        case Task.REGRESSION:
            return _regression(truth, predicted, quantile, only)


def _binary(truth: Floats, predicted: Floats, only: str | None) -> Scorer:
    names = ("auc", "log_loss", "accuracy", "average_precision", "brier", "ece") if only is None else (only,)
    ranks = Ranks(truth, predicted) if {"auc", "average_precision"} & set(names) else None
    if not {"log_loss", "accuracy", "brier", "ece"} & set(names):
        return Scorer(names, None, ranks)
    chosen = np.where(truth == 1, predicted, 1 - predicted)
    hit, squares = (predicted >= 0.5) == (truth == 1), (predicted - truth) ** 2
    return Scorer(names, _of_classes(_surprise(chosen), hit, squares, _gaps(truth, predicted)), ranks)


def _multiclass(truth: Floats, predicted: Floats, only: str | None) -> Scorer:
    names = ("log_loss", "accuracy", "brier", "ece") if only is None else (only,)
    places, rows = truth.astype(np.int64), np.arange(len(truth))
    best = predicted.argmax(axis=1)
    hit = (best == truth).astype(np.float64)
    squares = (predicted**2).sum(axis=1) - 2 * predicted[rows, places] + 1
    gaps = _gaps(hit, predicted[rows, best])
    return Scorer(names, _of_classes(_surprise(predicted[rows, places]), hit, squares, gaps))


def _of_classes(surprise: Floats, hit: Any, squares: Floats, gaps: Floats) -> Means:
    def finish(means: Floats) -> dict[str, Floats]:
        return {"log_loss": means[0], "accuracy": means[1], "brier": means[2], "ece": np.abs(means[3:]).sum(axis=0)}

    return Means(np.column_stack([surprise, hit, squares, gaps]), finish)


def _gaps(happened: Floats, confidence: Floats) -> Floats:
    """What was observed less what was predicted, in the column of the row's bin of confidence.

    The expected calibration error is the sum of these columns' absolute means: the mean over bins of |observed -
    predicted|, weighted by their rows (Naeini, Cooper and Hauskrecht 2015, AAAI, "Obtaining well calibrated
    probabilities using Bayesian binning"), with 15 bins of equal width (Guo et al. 2017, arXiv 1706.04599).
    """
    gaps = np.zeros((len(confidence), BINS))
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps[np.arange(len(place)), place] = happened - confidence
    return gaps


def _regression(truth: Floats, predicted: Floats, quantile: float | None, only: str | None) -> Scorer:
    names = ("rmse", "mae", "r2") if quantile is None else ("pinball", "rmse", "mae", "r2", "coverage")
    error = truth - predicted
    middle = truth.mean() if len(truth) else 0.0  # squares around it do not lose digits
    columns = [error**2, np.abs(error), (truth - middle) ** 2, truth - middle]
    if quantile is not None:
        columns += [np.maximum(quantile * error, (quantile - 1) * error), truth <= predicted]
    constant = len(truth) > 0 and bool(truth.min() == truth.max())

    def finish(means: Floats) -> dict[str, Floats]:
        spread = means[2] - means[3] ** 2
        spread = np.where(constant | (spread <= ROUNDING * means[2]), 0.0, spread)  # all rows drawn are the same
        found = {"rmse": np.sqrt(means[0]), "mae": means[1], "r2": 1 - _share(means[0], spread)}
        return found if quantile is None else {**found, "pinball": means[4], "coverage": means[5]}

    return Scorer(names if only is None else (only,), Means(np.column_stack(columns), finish))


def _surprise(chances: Floats) -> Floats:
    """Log loss of each row; a chance of 0 counts as 1e-15."""
    return np.asarray(-np.log(np.clip(chances, CLIP, 1.0)))


def _kind(weights: Weights) -> Any:
    return np.float64 if weights.dtype == np.float64 else np.float32


def _share(part: Any, whole: Any) -> Floats:
    out: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return out


__all__ = ["BINS", "MOST_NUMBERS", "Ask", "Ranks", "Scorer", "auc", "scorer"]
