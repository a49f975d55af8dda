"""What the scikit-learn learners share: a preparation of their own, one fit, and a Pipeline of both as the model."""

import functools
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.errors import BadInput, TrainmasterError
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.learners.method import Columns, Floats, Growing, Method, Prepared, Question, Rows, as_matrix
from app.learning.learners.stored import answers, dump
from app.learning.openmp import wait_passively

if TYPE_CHECKING:
    import pyarrow as pa


class Estimator(Method):
    """A scikit-learn learner."""

    def prepare(
        self, question: Question, columns: Columns, rows: Rows, watch: "Floats | pa.Table | None", learner: Learner
    ) -> Prepared:
        """Fit the preprocessing on the rows."""
        rows = Rows(as_matrix(rows.matrix), rows.target, rows.weights)
        return Ready(self, question, columns, rows, watch, self.preprocessing(columns, rows))

    def preprocessing(self, columns: Columns, rows: Rows) -> Any:
        """A transformer that is not fitted yet, or None for a learner that takes the matrix as it is."""
        return None

    @abstractmethod
    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """The estimator with its hyperparameters, not fitted yet."""

    def begin(self, ready: "Ready", learner: Learner, threads: int) -> Growing:
        """Begin a fit."""
        return OneFit(self, ready, learner, threads)

    def stored(self, estimator: Any, rows: Rows) -> Any:
        """What is kept of a fitted estimator: itself, or the same as an estimator of scikit-learn."""
        return estimator

    def values(self, learner: Learner, **defaults: object) -> dict[str, Any]:
        """Hyperparameters: the defaults and what the project sets."""
        return {**defaults, **learner.parameters}


class Ready(Prepared):
    """Rows after the preprocessing."""

    def __init__(
        self,
        method: Estimator,
        question: Question,
        columns: Columns,
        rows: Rows,
        watch: "Floats | pa.Table | None",
        preprocessing: Any,
    ) -> None:
        wait_passively()
        self.method, self.question, self.columns, self.preprocessing = method, question, columns, preprocessing
        with learning(method.kind):
            matrix = as_matrix(rows.matrix)
            seen = None if watch is None else as_matrix(watch)
            if preprocessing is not None:
                matrix = preprocessing.fit_transform(matrix)
                seen = None if seen is None else preprocessing.transform(seen)
        self.rows, self.watch = Rows(matrix, rows.target, rows.weights), seen

    def begin(self, learner: Learner, threads: int) -> Growing:
        """Begin a fit."""
        return self.method.begin(self, learner, threads)

    def model(self, estimator: Any) -> Any:
        """Preprocessing and estimator as one Pipeline that takes the encoded matrix."""
        from sklearn.pipeline import Pipeline

        if self.preprocessing is None:
            return Pipeline([("learner", estimator)])
        return Pipeline([("preprocessing", self.preprocessing), ("learner", estimator)])


class OneFit(Growing):
    """A fit of one round."""

    def __init__(self, method: Estimator, ready: Ready, learner: Learner, threads: int) -> None:
        self.total = 1
        self.ready, self.threads = ready, threads
        self.estimator = method.build(ready.question, ready.columns, ready.rows, learner, threads)

    def grow(self, until: int) -> bool:
        """Fit it, once."""
        if self.done < until:
            rows = self.ready.rows
            with learning(self.ready.method.kind, self.threads):
                self.estimator.fit(rows.matrix, rows.target, **weights_of(rows))
            self.done = self.total
        return True

    def watched(self) -> Floats:
        """Predictions of the estimator."""
        assert self.ready.watch is not None
        question = self.ready.question
        return answers(self.estimator, self.ready.watch, question.task, question.classes)

    def content(self) -> bytes:
        """Preprocessing and estimator as skops, the same whatever the number of threads was."""
        kept = self.ready.method.stored(self.estimator, self.ready.rows)
        if "n_jobs" in kept.get_params():
            kept.set_params(n_jobs=None)
        return dump(self.ready.model(kept))


def weights_of(rows: Rows) -> dict[str, Floats]:
    """The weights as an argument of `fit`, where there are any."""
    return {} if rows.weights is None else {"sample_weight": rows.weights}


@contextmanager
def learning(kind: str, threads: int = 1) -> Iterator[None]:
    """Fit in here: no warnings on the terminal, threads as told, BLAS on one; errors become BadInput."""
    import warnings

    pools = _thread_pools(len(sys.modules))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with pools.limit(limits=1, user_api="blas"), pools.limit(limits=threads, user_api="openmp"):
                yield
    except (TrainmasterError, MemoryError):
        raise
    except Exception as error:
        raise BadInput(
            f"{kind}: {type(error).__name__}: {str(error).strip().splitlines()[0][:300] if str(error) else ''}",
            where="project.toml [learner]",
            next_step="correct learner.parameters, or choose another learner.kind",
        ) from error


@functools.lru_cache(maxsize=1)
def _thread_pools(_modules: int) -> Any:
    """The thread pools of the libraries that are loaded, looked for again once more modules are."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def classification(task: Task) -> bool:
    """Whether a task asks for probabilities of classes."""
    return task is not Task.REGRESSION


Values = Mapping[str, Any]

__all__ = ["Estimator", "OneFit", "Ready", "classification", "learning", "weights_of"]
