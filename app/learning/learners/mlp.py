"""scikit-learn's multi-layer perceptron, an epoch a round, on scaled numbers and one-hot categories."""

from typing import Any

import numpy as np

from app.domain.errors import BadInput
from app.domain.project import Learner, Range
from app.learning.learners.estimators import Estimator, Ready, classification, learning, weights_of
from app.learning.learners.method import Columns, Floats, Growing, Question, Rows
from app.learning.learners.stored import answers, dump
from app.learning.preprocessing import scaled_and_one_hot

EPOCHS = 30


class Mlp(Estimator):
    """Layers of rectified sums, learned by Adam."""

    kind = "mlp"
    allowed = frozenset({"epochs", "units", "layers", "alpha", "learning_rate", "batch_size"})
    space = {
        "epochs": EPOCHS,
        "units": Range(low=16, high=256, log=True),
        "layers": Range(low=1, high=3),
        "alpha": Range(low=0.000001, high=0.1, log=True),
        "learning_rate": Range(low=0.0003, high=0.01, log=True),
    }

    def refusal(self, question: Question) -> str:
        """It answers no quantile."""
        return "answers no quantile" if question.quantile is not None else ""

    def preprocessing(self, columns: Columns, rows: Rows) -> Any:
        """One scale."""
        return scaled_and_one_hot(columns)

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """Weights between columns, layers and answer."""
        units, layers = float(learner.parameters.get("units", 64)), float(learner.parameters.get("layers", 1))
        return columns * units + (layers - 1) * units * units + units

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """Batches so that an epoch has about 200 of them."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        values = self.values(learner, epochs=EPOCHS, units=64, layers=1, learning_rate=0.001, alpha=0.0001)
        values.pop("epochs")
        units, layers = int(values.pop("units")), int(values.pop("layers"))
        batch = int(values.pop("batch_size", np.clip(len(rows.target) // 200, 32, 1024)))
        return (MLPClassifier if classification(question.task) else MLPRegressor)(
            hidden_layer_sizes=(units,) * layers,
            learning_rate_init=values.pop("learning_rate"),
            batch_size=max(1, min(batch, len(rows.target))),
            random_state=learner.seed,
            **values,
        )

    def begin(self, ready: Ready, learner: Learner, threads: int) -> Growing:
        """An epoch a round."""
        return Epochs(self, ready, learner, threads)


class Epochs(Growing):
    """Epochs, one after the other; a regression's target is scaled while it is learned, and the last layer after."""

    stepwise = True

    def __init__(self, method: Mlp, ready: Ready, learner: Learner, threads: int) -> None:
        self.total = int(learner.parameters.get("epochs", EPOCHS))
        self._ready = ready
        rows = ready.rows
        with learning("mlp"):
            self._estimator = method.build(ready.question, ready.columns, rows, learner, threads)
        self._middle, self._spread = 0.0, 1.0
        if not classification(ready.question.task):
            self._middle, self._spread = float(np.mean(rows.target)), float(np.std(rows.target)) or 1.0

    def grow(self, until: int) -> bool:
        """Go through the rows once for each round; raises BadInput when the weights are no numbers any more."""
        rows, estimator = self._ready.rows, self._estimator
        classes = {"classes": np.unique(rows.target)} if classification(self._ready.question.task) else {}
        target = (rows.target - self._middle) / self._spread if not classes else rows.target
        with learning("mlp"):
            while self.done < until:
                first = classes if self.done == 0 else {}
                estimator.partial_fit(rows.matrix, target, **first, **weights_of(rows))
                self.done += 1
        if not all(np.isfinite(layer).all() for layer in estimator.coefs_):
            raise BadInput(
                "mlp: the weights became NaN or infinite",
                where="project.toml [learner.parameters]",
                next_step="lower learner.parameters.learning_rate",
            )
        return False

    def watched(self) -> Floats:
        """Predictions, on the target's own scale."""
        question = self._ready.question
        return (
            answers(self._estimator, self._ready.watch, question.task, question.classes) * self._spread + self._middle
        )

    def content(self) -> bytes:
        """The model with the target's scale in its last layer, and without the state of the optimiser."""
        import copy

        estimator = copy.deepcopy(self._estimator)
        estimator.coefs_[-1] = estimator.coefs_[-1] * self._spread
        estimator.intercepts_[-1] = estimator.intercepts_[-1] * self._spread + self._middle
        for name in ("_optimizer", "_random_state", "_no_improvement_count"):
            vars(estimator).pop(name, None)
        return dump(self._ready.model(estimator))


__all__ = ["Mlp"]
