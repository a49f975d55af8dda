"""How good predictions are: metrics of each task, overall and by slice; NaN is refused, never averaged away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.signature import category_text

Floats = np.ndarray[Any, np.dtype[np.float64]]
SMALLEST_SLICE = 200
SMALLEST_CLASS = 5
MOST_SLICES = 20
CLIP = 1e-15


def evaluate(task: Task, truth: Floats, predicted: Floats) -> dict[str, float]:
    """All metrics of a task; raises BadInput for no rows, for one class only, and for predictions that are not finite.

    >>> evaluate(Task.BINARY, np.array([0.0, 1.0]), np.array([0.2, 0.9]))["auc"]
    1.0
    """
    if len(truth) == 0:
        raise BadInput("there are no rows to evaluate", next_step="change [split] in project.toml")
    if not np.isfinite(predicted).all():
        raise BadInput("the model predicts NaN or infinity", next_step="trainmaster runs logs RUN")
    match task:
        case Task.BINARY:
            refuse_one_class(truth, "test")
            return {
                "auc": auc(truth, predicted),
                "log_loss": _log_loss(np.column_stack([1 - predicted, predicted]), truth),
                "accuracy": float(np.mean((predicted >= 0.5) == (truth == 1))),
            }
        case Task.MULTICLASS:
            refuse_one_class(truth, "test")
            return {
                "log_loss": _log_loss(predicted, truth),
                "accuracy": float(np.mean(predicted.argmax(axis=1) == truth)),
            }
        case Task.REGRESSION:
            error = predicted - truth
            spread = float(np.sum((truth - truth.mean()) ** 2))
            metrics = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
            if spread > 0:  # R2 has no meaning when all rows have one value
                metrics["r2"] = 1.0 - float(np.sum(error**2)) / spread
            return metrics


def auc(truth: Floats, score: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U), ties at half; NaN when a class is absent.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.9]))
    0.75
    """
    positive = truth == 1
    ones = int(positive.sum())
    zeros = len(truth) - ones
    if ones == 0 or zeros == 0:
        return float("nan")
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(starts, len(ordered)))
    ranks = np.repeat(starts + (sizes + 1) / 2, sizes)
    return float((ranks[positive[order]].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _log_loss(probabilities: Floats, truth: Floats) -> float:
    chosen = probabilities[np.arange(len(truth)), truth.astype(np.int64)]
    return float(-np.mean(np.log(np.clip(chosen, CLIP, 1.0))))


def refuse_one_class(truth: Floats, side: str) -> None:
    """Raise BadInput when all rows of a side have one class."""
    if len(np.unique(truth)) < 2:
        raise BadInput(
            f"the {side} rows have one class only",
            where="split",
            next_step="bring more data, or change [split] in project.toml",
        )


def baseline(task: Task, train: Floats, rows: int, classes: int) -> Floats:
    """What the dummy predicts for `rows` rows: the training shares of the classes, or the training mean."""
    match task:
        case Task.BINARY:
            return np.full(rows, float(np.mean(train == 1)))
        case Task.MULTICLASS:
            shares = np.bincount(train.astype(np.int64), minlength=classes) / len(train)
            return np.tile(shares, (rows, 1))
        case Task.REGRESSION:
            return np.full(rows, float(np.mean(train)))


@dataclass(frozen=True)
class Slice:
    """One value of a slice column, its rows and its metrics."""

    column: str
    value: str
    rows: int
    metrics: Mapping[str, float]

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {"column": self.column, "value": self.value, "rows": self.rows, "metrics": dict(self.metrics)}


def slices(
    task: Task, frame: pd.DataFrame, columns: Sequence[str], truth: Floats, predicted: Floats
) -> tuple[Slice, ...]:
    """Metrics of the 20 largest values of each column; slices under 200 rows or 5 rows of a class are left out.

    Raises BadInput for a column that is not in the frame.
    """
    found: list[Slice] = []
    for column in columns:
        if column not in frame.columns:
            raise BadInput(
                f"the slice column {column} is not in the training frame",
                where="problem.slices",
                next_step="return it from a view or the spine in features.py, or remove it from problem.slices",
            )
        codes, uniques = pd.factorize(frame[column], use_na_sentinel=True)
        counts = np.bincount(codes[codes >= 0], minlength=len(uniques))
        for place in sorted(np.argsort(-counts, kind="stable")[:MOST_SLICES].tolist()):
            rows = np.flatnonzero(codes == place)
            if len(rows) < SMALLEST_SLICE:
                continue
            part = truth[rows]
            if task is not Task.REGRESSION and np.unique(part, return_counts=True)[1].min() < SMALLEST_CLASS:
                continue
            if task is not Task.REGRESSION and len(np.unique(part)) < 2:
                continue
            value = uniques[place]
            text = category_text(value.item() if isinstance(value, np.generic) else value) or ""
            found.append(Slice(column, text[:100], len(rows), evaluate(task, part, predicted[rows])))
    return tuple(found)
