"""scikit-learn's random forest; it takes missing values as they are and codes of categories as numbers."""

from typing import Any

from app.domain.project import Learner, Range
from app.learning.learners.estimators import Estimator, classification
from app.learning.learners.method import Columns, Question, Rows


class Forest(Estimator):
    """The mean of many trees that grew apart."""

    kind = "forest"
    allowed = frozenset({"trees", "min_samples_leaf", "max_leaf_nodes", "max_features", "max_depth"})
    space = {
        "trees": 200,
        "min_samples_leaf": Range(low=1, high=100, log=True),
        "max_features": Range(low=0.1, high=1.0),
        "max_leaf_nodes": Range(low=64, high=4096, log=True),
    }

    def refusal(self, question: Question) -> str:
        """It answers no quantile."""
        return "answers no quantile" if question.quantile is not None else ""

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """Leaves of all trees."""
        return float(learner.parameters.get("trees", 200)) * float(learner.parameters.get("max_leaf_nodes", 1024))

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """Trees of at most 1,024 leaves: without a bound a forest on a year of flights is larger than its data."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        values = self.values(learner, trees=200, min_samples_leaf=3, max_leaf_nodes=1024)
        values["n_estimators"] = values.pop("trees")
        build = RandomForestClassifier if classification(question.task) else RandomForestRegressor
        return build(random_state=learner.seed, n_jobs=threads, **values)


__all__ = ["Forest"]
