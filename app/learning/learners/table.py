"""The table behind the naive baselines: what the target was over the rows of the same group; numpy and nothing else."""

from typing import Any, Self

import numpy as np

from app.learning.learners.method import Columns, Floats, Rows, as_matrix

MOST_SEASONS = 60
SMOOTHING = 20.0


def choose(method: str, columns: Columns, rows: Rows, smoothing: float) -> int:
    """The column whose groups differ most after smoothing, by the squares between them; -1 when there is none."""
    best, most = -1, 0.0
    for place in columns.numbers if method == "seasonal" else columns.categories:
        values, codes = np.unique(as_matrix(rows.matrix)[:, place], return_inverse=True)
        if len(values) < 2 or (method == "seasonal" and len(values) > MOST_SEASONS):
            continue
        counts = np.bincount(codes)
        sums = np.bincount(codes, weights=rows.target - rows.target.mean())
        between = float(np.sum(sums**2 * counts / (counts + smoothing) ** 2))
        if between > most:
            best, most = place, between
    return best


class Table:
    """A table from a value of one column to what the target was; `by` is the column's place, -1 for no column."""

    def __init__(
        self,
        by: int = -1,
        window: int | None = None,
        smoothing: float = SMOOTHING,
        classes: int = 0,
        quantile: float | None = None,
    ) -> None:
        self.by, self.window, self.smoothing, self.classes, self.quantile = by, window, smoothing, classes, quantile

    def fit(self, matrix: Floats, target: Floats, sample_weight: Floats | None = None) -> Self:
        """Make the table."""
        keys = self._keys(matrix)
        self.classes_ = np.arange(max(self.classes, 1))
        weights = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.keys_, codes = np.unique(keys, return_inverse=True)
        if self.window is not None:
            weights = weights * _newest(codes, self.window)
        outcomes = np.eye(self.classes)[target.astype(np.int64)] if self.classes else target.reshape(-1, 1)
        self.overall_ = self._middle(outcomes, weights)
        counts = np.bincount(codes, weights=weights, minlength=len(self.keys_))
        if self.quantile is not None:
            parts = [self._middle(outcomes[codes == at], weights[codes == at]) for at in range(len(self.keys_))]
            means = np.vstack(parts)
        else:
            sums = [np.bincount(codes, weights=weights * column, minlength=len(self.keys_)) for column in outcomes.T]
            means = np.column_stack(sums) / np.maximum(counts, 1e-12)[:, None]
        trust = (counts / (counts + self.smoothing))[:, None]
        self.table_ = trust * means + (1 - trust) * self.overall_
        return self

    def predict_proba(self, matrix: Floats) -> Floats:
        """Shares of the classes."""
        return self._look_up(matrix)

    def predict(self, matrix: Floats) -> Floats:
        """The mean (or quantile) of a regression; the likeliest class of others."""
        found = self._look_up(matrix)
        return found.argmax(axis=1).astype(np.float64) if self.classes else found[:, 0]

    def _look_up(self, matrix: Floats) -> Floats:
        keys = self._keys(matrix)
        places = np.clip(np.searchsorted(self.keys_, keys), 0, len(self.keys_) - 1)
        known = (self.keys_[places] == keys)[:, None]
        return np.where(known, self.table_[places], self.overall_)

    def _keys(self, matrix: Floats) -> Floats:
        if self.by < 0:
            return np.zeros(len(matrix))
        return np.nan_to_num(np.asarray(matrix[:, self.by], dtype=np.float64), nan=-1e300)  # missing is a group too

    def _middle(self, outcomes: Floats, weights: Floats) -> Floats:
        if self.quantile is None:
            return np.asarray(np.average(outcomes, axis=0, weights=weights))
        return np.quantile(outcomes[weights > 0], self.quantile, axis=0)


def _newest(codes: Any, window: int) -> Floats:
    """1 for the last `window` rows of each group, else 0."""
    order = np.argsort(codes[::-1], kind="stable")
    ordered = codes[::-1][order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
    kept = np.zeros(len(codes))
    kept[order] = rank < window
    return kept[::-1].copy()


__all__ = ["MOST_SEASONS", "SMOOTHING", "Table", "choose"]
