"""The dummy: the shares of the classes, the mean, or the quantile, whatever the features say."""

from typing import Any

from app.domain.project import Learner
from app.learning.learners.estimators import Estimator, classification
from app.learning.learners.method import Columns, Question, Rows


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
        """scikit-learn's dummy."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        if classification(question.task):
            return DummyClassifier(strategy="prior")
        if question.quantile is not None:
            return DummyRegressor(strategy="quantile", quantile=question.quantile)
        return DummyRegressor(strategy="mean")


__all__ = ["Dummy"]
