"""Learners of one interface: LightGBM, scikit-learn's, and two baselines; the same checks hold for each."""

import importlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast, get_args

import numpy as np

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner, LearnerKind
from app.learning.learners.method import Columns, Fitted, Floats, Growing, Method, Progress, Question, Rows
from app.learning.openmp import usable_threads

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: tuple[LearnerKind, ...] = get_args(LearnerKind)
BASELINES: tuple[LearnerKind, ...] = ("dummy", "naive")
MODULES = {
    "lightgbm": "lightgbm:LightGbm",
    "logistic": "logistic:Logistic",
    "linear": "linear:Linear",
    "forest": "forest:Forest",
    "hist": "hist:Hist",
    "mlp": "mlp:Mlp",
    "dummy": "dummy:Dummy",
    "naive": "baseline:NaiveBaseline",
}
POINTS = 20
SHOWN_S = 0.5


def method_of(kind: LearnerKind) -> Method:
    """The learner of a name; its library is loaded when it is used.

    >>> method_of("lightgbm").format, method_of("logistic").format
    ('lightgbm-text', 'skops')
    """
    module, name = MODULES[kind].split(":")
    return cast(Method, getattr(importlib.import_module(f"app.learning.learners.{module}"), name)())


def fit(
    task: Task,
    train: "Floats | pa.Table",
    target: Floats,
    *,
    learner: Learner,
    categories: Sequence[int] = (),
    names: Sequence[str] = (),
    classes: int = 0,
    quantile: float | None = None,
    rounds: int | None = None,
    threads: int | None = None,
    watch: "tuple[Floats | pa.Table, Floats] | None" = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit on encoded rows (`Encoded.table` or `.matrix`); `categories` are the places of category columns.

    `watch` are rows that only draw a curve. `progress(step, total, metrics)` is called with about twenty points of it,
    and every half second without metrics; it may raise to stop. The same input gives the same bytes. Raises BadInput
    for a question that the learner does not answer and for hyperparameters that it refuses.
    """
    method = method_of(learner.kind)
    question = Question(task, classes, quantile)
    if rounds is not None:
        learner = learner.model_copy(update={"rounds": rounds})
    method.check(question, learner)
    columns = Columns(tuple(names) or tuple(f"f{at}" for at in range(train.shape[1])), tuple(categories))
    rows = Rows(train, target, balanced(target) if learner.balance and task is not Task.REGRESSION else None)
    usable = threads or usable_threads()
    prepared = method.prepare(question, columns, rows, watch[0] if watch else None, learner)
    growing = prepared.begin(learner, usable)
    points = _follow(growing, question, watch[1] if watch else None, progress)
    return Fitted(
        growing.content(), method.format, learner.kind, method.settings(question, learner, usable), growing.done, points
    )


def _follow(
    growing: Growing, question: Question, truth: Floats | None, progress: Progress | None
) -> dict[str, list[tuple[int, float]]]:
    """Grow to the end, with about twenty points of the curve."""
    points: dict[str, list[tuple[int, float]]] = {}
    every, shown, finished = max(1, growing.total // POINTS), time.monotonic(), False
    while growing.done < growing.total and not finished:
        finished = growing.grow(min(growing.done + 1, growing.total))
        last = finished or growing.done == growing.total
        if last and truth is not None:
            for step, predicted in growing.curve()[:-1]:
                _note(points, step, curve_metrics(question, truth, predicted))
        if not last and growing.done % every:
            if progress is not None and time.monotonic() - shown > SHOWN_S:
                progress(growing.done, growing.total, {})
                shown = time.monotonic()
            continue
        metrics = {} if truth is None else curve_metrics(question, truth, growing.watched())
        _note(points, growing.done, metrics)
        if progress is not None:
            progress(growing.done, growing.total, metrics)
    return points


def _note(points: dict[str, list[tuple[int, float]]], step: int, metrics: dict[str, float]) -> None:
    for name, value in metrics.items():
        points.setdefault(name, []).append((step, value))


def curve_metrics(question: Question, truth: Floats, predicted: Floats) -> dict[str, float]:
    """The few metrics of a learning curve, cheap enough to be asked twenty times; NaN where one has no meaning.

    >>> curve_metrics(Question(Task.REGRESSION), np.array([1.0, 3.0]), np.array([1.0, 1.0]))["mae"]
    1.0
    """
    if question.task is Task.REGRESSION:
        error = predicted - truth
        found = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
        if question.quantile is not None:
            found["pinball"] = pinball(truth, predicted, question.quantile)
        return found
    found = {"auc": quick_auc(truth, predicted)} if question.task is Task.BINARY else {}
    return {**found, "log_loss": log_loss(truth, predicted)}


def quick_auc(truth: Floats, score: Floats) -> float:
    """Area under the ROC curve without weights: twenty times a trial it must cost nothing; NaN without both classes.

    Each class is sorted alone (numpy does so in vector registers, which it does not for `argsort`), and the smaller one
    is looked up in the other (Mann and Whitney 1947); ties count half.

    >>> quick_auc(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.9]))
    0.75
    """
    positive = truth == 1
    ones, zeros = np.sort(score[positive]), np.sort(score[~positive])
    if len(ones) == 0 or len(zeros) == 0:
        return float("nan")
    pairs = len(ones) * len(zeros)
    few, many = (ones, zeros) if len(ones) <= len(zeros) else (zeros, ones)
    below = int(np.searchsorted(many, few, "left").sum()) + int(np.searchsorted(many, few, "right").sum())
    return (below if few is ones else 2 * pairs - below) / (2 * pairs)


def log_loss(truth: Floats, predicted: Floats) -> float:
    """Mean of -log of the chance that was given to what happened, of (rows,) or (rows, classes) probabilities.

    >>> round(log_loss(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    if predicted.ndim == 1:
        chances = np.where(truth == 1, predicted, 1 - predicted)
    else:
        chances = predicted[np.arange(len(truth)), truth.astype(np.int64)]
    return float(-np.mean(np.log(np.clip(chances, 1e-15, 1))))


def pinball(truth: Floats, predicted: Floats, quantile: float) -> float:
    """Mean pinball loss of a quantile (Koenker and Bassett 1978), in the unit of the target; 0 is perfect.

    >>> pinball(np.array([10.0]), np.array([8.0]), 0.9)
    1.8
    """
    error = truth - predicted
    return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error)))


def balanced(target: Floats) -> Floats:
    """A weight for each row so that every class weighs the same in all, with mean 1.

    >>> balanced(np.array([0.0, 0.0, 0.0, 1.0])).tolist()
    [0.6666666666666666, 0.6666666666666666, 0.6666666666666666, 2.0]
    """
    codes = target.astype(np.int64)
    counts = np.bincount(codes)
    return np.asarray((len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[codes], dtype=np.float64)


def refuse_unfit(kinds: Sequence[LearnerKind], question: Question) -> None:
    """Raise BadInput naming the first learner that does not answer a question."""
    for kind in kinds:
        refused = method_of(kind).refusal(question)
        if refused:
            raise BadInput(
                f"{kind} {refused}", where="project.toml [search]", next_step=f"remove {kind} from search.learners"
            )


__all__ = [
    "BASELINES",
    "KINDS",
    "Columns",
    "Fitted",
    "Learner",
    "Method",
    "Question",
    "Rows",
    "balanced",
    "curve_metrics",
    "fit",
    "log_loss",
    "method_of",
    "pinball",
    "quick_auc",
    "refuse_unfit",
]
