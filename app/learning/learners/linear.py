"""scikit-learn's linear models for numbers: ridge regression, and quantile regression where a quantile is asked for."""

from typing import Any

import numpy as np

from app.domain.project import Learner, Range
from app.learning.learners.estimators import Estimator, OneFit, classification, learning
from app.learning.learners.method import Columns, Growing, Question, Rows
from app.learning.preprocessing import scaled_and_one_hot

MOST_ROWS = 5_000
"""Rows that a quantile regression learns from: its linear program grows faster than the rows do."""


class Linear(Estimator):
    """A weight for each column."""

    kind = "linear"
    allowed = frozenset({"alpha"})
    space = {"alpha": Range(low=0.0001, high=1000.0, log=True)}

    def refusal(self, question: Question) -> str:
        """It answers with numbers."""
        return 'answers no classes; "logistic" does' if classification(question.task) else ""

    def preprocessing(self, columns: Columns, rows: Rows) -> Any:
        """One scale."""
        return scaled_and_one_hot(columns)

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """Ridge, or the quantile's own loss."""
        from sklearn.linear_model import QuantileRegressor, Ridge

        if question.quantile is not None:
            alpha = float(learner.parameters.get("alpha", 0.0)) / max(len(rows.target), 1)
            return QuantileRegressor(quantile=question.quantile, alpha=alpha, solver="highs")
        return Ridge(alpha=float(learner.parameters.get("alpha", 1.0)), solver="lsqr", tol=1e-8)

    def begin(self, ready: Any, learner: Learner, threads: int) -> Growing:
        """One fit; of a quantile on a seeded sample of the rows."""
        if ready.question.quantile is None or len(ready.rows.target) <= MOST_ROWS:
            return super().begin(ready, learner, threads)
        return Sampled(self, ready, learner, threads)


class Sampled(OneFit):
    """A fit on a seeded sample."""

    def __init__(self, method: Estimator, ready: Any, learner: Learner, threads: int) -> None:
        super().__init__(method, ready, learner, threads)
        self._seed = learner.seed

    def grow(self, until: int) -> bool:
        """Fit it on the sample, once."""
        rows = self.ready.rows
        if self.done < until:
            chosen = np.random.default_rng(self._seed).permutation(len(rows.target))[:MOST_ROWS]
            weights = {} if rows.weights is None else {"sample_weight": rows.weights[chosen]}
            with learning(self.ready.method.kind, self.threads):
                self.estimator.fit(rows.matrix[chosen], rows.target[chosen], **weights)
            self.done = self.total
        return True


__all__ = ["Linear"]
