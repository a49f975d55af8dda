"""scikit-learn's histogram gradient boosting; it takes missing values and categories as they are."""

from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.project import Learner, Range
from app.learning.learners.estimators import Estimator, OneFit, Ready, classification
from app.learning.learners.method import Columns, Floats, Growing, Prepared, Question, Rows, as_matrix

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CODES = 254
MOST_THREADS = 2
"""Its sums over threads are added in any order: of two addends that changes nothing, of three it does."""
POINTS = 20


class Hist(Estimator):
    """Gradient boosting on bins."""

    kind = "hist"
    allowed = frozenset(
        {"learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization", "max_features", "max_depth"}
    )
    space = {
        "learning_rate": Range(low=0.01, high=0.3, log=True),
        "max_leaf_nodes": Range(low=7, high=127, log=True),
        "min_samples_leaf": Range(low=5, high=500, log=True),
        "l2_regularization": Range(low=0.001, high=30.0, log=True),
        "max_features": Range(low=0.4, high=1.0),
    }

    def refusal(self, question: Question) -> str:
        """It answers every question."""
        return ""

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """Leaves of all trees."""
        return float(learner.rounds) * float(learner.parameters.get("max_leaf_nodes", 31))

    def preprocessing(self, columns: Columns, rows: Rows) -> Any:
        """None; but a column with no value at all, which its bins do not take, becomes a constant behind the others."""
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer

        empty = _empty(as_matrix(rows.matrix))
        if not empty:
            return None
        kept = [at for at in range(rows.matrix.shape[1]) if at not in empty]
        zero = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
        parts: list[tuple[str, Any, list[int]]] = [("kept", "passthrough", kept), ("empty", zero, empty)]
        return ColumnTransformer([part for part in parts if part[2]])

    def prepare(
        self, question: Question, columns: Columns, rows: Rows, watch: "Floats | pa.Table | None", learner: Learner
    ) -> Prepared:
        """The same, with the places that the columns have after it."""
        rows = Rows(as_matrix(rows.matrix), rows.target, rows.weights)
        empty = _empty(as_matrix(rows.matrix))
        order = [at for at in range(rows.matrix.shape[1]) if at not in empty] + empty
        places = tuple(order.index(at) for at in columns.categories if at not in empty)
        moved = Columns(tuple(columns.names[at] for at in order), places)
        return Ready(self, question, moved, rows, watch, self.preprocessing(columns, rows))

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """Columns with more categories than bins count as numbers."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        few = [at for at in columns.categories if not (as_matrix(rows.matrix)[:, at] > MOST_CODES - 1).any()]
        values = self.values(learner, max_iter=learner.rounds, early_stopping=False, random_state=learner.seed)
        values["categorical_features"] = few or None
        if classification(question.task):
            return HistGradientBoostingClassifier(**values)
        if question.quantile is not None:
            return HistGradientBoostingRegressor(loss="quantile", quantile=question.quantile, **values)
        return HistGradientBoostingRegressor(**values)

    def begin(self, ready: Any, learner: Learner, threads: int) -> Growing:
        """All rounds at once."""
        return Staged(self, ready, learner, min(threads, MOST_THREADS))


def _empty(matrix: Floats) -> list[int]:
    return [at for at in range(matrix.shape[1]) if np.isnan(matrix[:, at]).all()]


class Staged(OneFit):
    """A fit that tells its curve when it is done."""

    def __init__(self, method: Estimator, ready: Ready, learner: Learner, threads: int) -> None:
        super().__init__(method, ready, learner, threads)
        self.total = learner.rounds

    def curve(self) -> list[tuple[int, Floats]]:
        """About twenty points of it."""
        if self.ready.watch is None:
            return []
        every = max(1, self.total // POINTS)
        regression = not classification(self.ready.question.task)
        stages = self.estimator.staged_predict if regression else self.estimator.staged_predict_proba
        found = []
        for at, predicted in enumerate(stages(self.ready.watch), 1):
            if at % every == 0 or at == self.total:
                found.append((at, self._answers(np.asarray(predicted))))
        return found

    def _answers(self, predicted: Floats) -> Floats:
        question = self.ready.question
        if predicted.ndim == 1:
            return predicted.copy()
        out = np.zeros((len(predicted), max(question.classes, 2)))
        out[:, self.estimator.classes_.astype(np.int64)] = predicted
        return out if question.classes > 2 else out[:, 1].copy()


__all__ = ["Hist"]
