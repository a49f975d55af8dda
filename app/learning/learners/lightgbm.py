"""LightGBM, made so that the same input gives the same trees; rows are binned once for any number of fits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner, Range
from app.learning.boosting import Bins, Ensemble, LightGbmRefused
from app.learning.dataset import make_dataset
from app.learning.learners.method import Columns, Floats, Growing, Method, Prepared, Question, Rows

if TYPE_CHECKING:
    import pyarrow as pa

OBJECTIVES = {Task.BINARY: "binary", Task.MULTICLASS: "multiclass", Task.REGRESSION: "regression"}
ON_GPU = ("gpu", "cuda")
BINNING = ("max_bin", "min_data_in_bin")
"""Hyperparameters that change the bins: rows are binned again for each of their values."""
ALLOWED = frozenset(
    {
        "bagging_fraction", "bagging_freq", "cat_l2", "cat_smooth", "extra_trees", "feature_fraction",
        "feature_fraction_bynode", "histogram_pool_size", "lambda_l1", "lambda_l2", "learning_rate", "linear_lambda",
        "max_bin", "max_cat_threshold", "max_cat_to_onehot", "max_delta_step", "max_depth", "min_data_in_bin",
        "min_data_in_leaf", "min_gain_to_split", "min_sum_hessian_in_leaf", "num_leaves", "num_threads",
        "path_smooth", "is_unbalance", "scale_pos_weight",
    }
)  # fmt: skip


class LightGbm(Method):
    """Gradient boosting on bins, with categories and missing values of its own."""

    kind = "lightgbm"
    format = "lightgbm-text"
    allowed = ALLOWED
    space = {
        "learning_rate": Range(low=0.01, high=0.2, log=True),
        "num_leaves": Range(low=7, high=127, log=True),
        "min_data_in_leaf": Range(low=5, high=500, log=True),
        "feature_fraction": Range(low=0.4, high=1.0),
        "bagging_fraction": Range(low=0.5, high=1.0),
        "bagging_freq": 1,
        "lambda_l2": Range(low=0.001, high=30.0, log=True),
        "cat_smooth": Range(low=1.0, high=100.0, log=True),
    }

    def refusal(self, question: Question) -> str:
        """It answers every question."""
        return ""

    def preparation(self, learner: Learner) -> Mapping[str, object]:
        """Only the binning."""
        return {name: learner.parameters[name] for name in BINNING if name in learner.parameters}

    def settings(self, question: Question, learner: Learner, threads: int) -> dict[str, object]:
        """The full set of LightGBM's parameters.

        >>> LightGbm().settings(Question(Task.BINARY, 2), Learner(), 1)["deterministic"]
        True
        """
        fixed: dict[str, object] = {
            "objective": OBJECTIVES[question.task],
            "metric": ["None"],
            "seed": learner.seed,
            "deterministic": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }
        on_gpu = {"device_type": learner.device, "gpu_use_dp": True}
        fixed |= on_gpu if learner.device in ON_GPU else {"force_row_wise": True}
        if question.quantile is not None:
            fixed |= {"objective": "quantile", "alpha": question.quantile}
        if question.task is Task.MULTICLASS:
            fixed["num_class"] = question.classes
        return {"num_threads": threads, **learner.parameters, **fixed}

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """Leaves of all trees."""
        return float(rounds) * float(learner.parameters.get("num_leaves", 31))

    def prepare(
        self, question: Question, columns: Columns, rows: Rows, watch: "Floats | pa.Table | None", learner: Learner
    ) -> Prepared:
        """Bin the rows."""
        return Binned(self, question, columns, rows, watch, learner)


class Binned(Prepared):
    """Rows in bins."""

    def __init__(
        self,
        method: LightGbm,
        question: Question,
        columns: Columns,
        rows: Rows,
        watch: "Floats | pa.Table | None",
        learner: Learner,
    ) -> None:
        self._method, self._question = method, question
        parameters = method.settings(question, learner, 0)
        places = columns.categories
        with _refusals():
            self._rows = make_dataset(
                rows.matrix, rows.target, weight=rows.weights, parameters=parameters, categories=places
            )
            self._watch = None
            if watch is not None:
                self._watch = make_dataset(watch, parameters=parameters, categories=places, reference=self._rows)

    def begin(self, learner: Learner, threads: int) -> Growing:
        """Begin to boost."""
        return Boosting(
            self._rows, self._watch, self._method.settings(self._question, learner, threads), learner.rounds
        )


class Boosting(Growing):
    """Trees, one round after the other."""

    stepwise = True

    def __init__(self, rows: Bins, watch: Bins | None, parameters: Mapping[str, Any], total: int) -> None:
        self.total = total
        with _refusals():
            self._trees = Ensemble(rows, watch, parameters)

    def grow(self, until: int) -> bool:
        """Boost; True when no split is left that improves anything."""
        with _refusals():
            while self.done < until:
                finished = self._trees.update()
                self.done += 1
                if finished:
                    return True
        return False

    def watched(self) -> Floats:
        """Predictions that LightGBM has already: it keeps the scores of the watched rows as trees are added."""
        return self._trees.watched()

    def content(self) -> bytes:
        """LightGBM's text."""
        return self._trees.text()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except LightGbmRefused as error:
        raise BadInput(
            f"LightGBM: {error}", where="project.toml [learner]", next_step="correct learner.parameters"
        ) from None


__all__ = ["LightGbm"]
