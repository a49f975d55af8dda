"""The dummy: the shares of the classes, the mean, or the quantile, whatever the features say."""

from typing import Any, Self

import numpy as np

from app.domain.project import Learner
from app.learning.learners.estimators import Estimator, classification, weights_of
from app.learning.learners.method import Columns, Floats, Question, Rows


class Dummy(Estimator):
    """The floor under every model."""

    kind = "dummy"

    def refusal(self, question: Question) -> str:
        """It answers every question."""
        return ""

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """One number."""
        return 1.0

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """The same answer for every row."""
        return Constant(classification(question.task), question.quantile)

    def stored(self, estimator: Any, rows: Rows) -> Any:
        """scikit-learn's dummy, which is only loaded for this."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        found: Any = DummyRegressor(strategy="mean")
        if estimator.is_classifier:
            found = DummyClassifier(strategy="prior")
        elif estimator.quantile is not None:
            found = DummyRegressor(strategy="quantile", quantile=estimator.quantile)
        return found.fit(rows.matrix, rows.target, **weights_of(rows))


class Constant:
    """What scikit-learn's dummies answer, by numpy alone: a search begins with it, before anything is loaded."""

    def __init__(self, is_classifier: bool, quantile: float | None) -> None:
        self.is_classifier, self.quantile = is_classifier, quantile

    def fit(self, matrix: Floats, target: Floats, sample_weight: Floats | None = None) -> Self:
        """Take shares, mean or quantile of the target."""
        self.classes_, codes = np.unique(target, return_inverse=True)
        weights = np.ones(len(target)) if sample_weight is None else sample_weight
        sums = np.bincount(codes, weights=weights)
        self._shares = sums / sums.sum()
        self._middle = float(np.mean(target) if self.quantile is None else np.quantile(target, self.quantile))
        return self

    def predict_proba(self, matrix: Floats) -> Floats:
        """The shares of the classes that there were, for every row."""
        return np.tile(self._shares, (len(matrix), 1))

    def predict(self, matrix: Floats) -> Floats:
        """The mean or the quantile, for every row."""
        return np.full(len(matrix), self._middle)


__all__ = ["Constant", "Dummy"]
