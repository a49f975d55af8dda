"""scikit-learn's logistic regression, on scaled numbers and one-hot categories."""

from typing import Any

from app.domain.project import Learner, Range
from app.learning.learners.estimators import Estimator, classification
from app.learning.learners.method import Columns, Question, Rows
from app.learning.preprocessing import scaled_and_one_hot


class Logistic(Estimator):
    """A weight for each column; the plain model that a complicated one has to beat."""

    kind = "logistic"
    allowed = frozenset({"C", "max_iter"})
    space = {"C": Range(low=0.001, high=100.0, log=True)}

    def refusal(self, question: Question) -> str:
        """It answers with classes."""
        return "" if classification(question.task) else 'answers no regression; "linear" does'

    def preprocessing(self, columns: Columns, rows: Rows) -> Any:
        """One scale."""
        return scaled_and_one_hot(columns)

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """L-BFGS, which has no randomness."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(**self.values(learner, max_iter=300))


__all__ = ["Logistic"]
