"""How good predictions are: metrics overall and by slice with intervals; what has no value has a reason in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.bootstrap import Interval, Resamples, Unknown, interval_of
from app.learning.metrics import auc, scorer
from app.learning.signature import category_text

Floats = np.ndarray[Any, np.dtype[np.float64]]
SMALLEST_SLICE = 200
SMALLEST_CLASS = 5
MOST_SLICES = 20


def evaluate(task: Task, truth: Floats, predicted: Floats, *, quantile: float | None = None) -> dict[str, float]:
    """All metrics of a task that have a value.

    Raises BadInput for no rows, for one class only, and for predictions that are not finite.

    >>> evaluate(Task.BINARY, np.array([0.0, 1.0]), np.array([0.2, 0.9]))["auc"]
    1.0
    """
    refuse_unusable(truth, predicted)
    if task is not Task.REGRESSION:
        refuse_one_class(truth, "test")
    found = scorer(task, truth, predicted, quantile=quantile)(np.ones((1, len(truth))))
    return {name: float(values[0]) for name, values in found.items() if np.isfinite(values[0])}


def refuse_unusable(truth: Floats, predicted: Floats) -> None:
    """Raise BadInput when there are no rows, or when a prediction is not finite."""
    if len(truth) == 0:
        raise BadInput("there are no rows to evaluate", next_step="change [split] in project.toml")
    if not np.isfinite(predicted).all():
        raise BadInput("the model predicts NaN or infinity", next_step="trainmaster runs logs RUN")


def refuse_one_class(truth: Floats, side: str) -> None:
    """Raise BadInput when all rows of a side have one class."""
    if len(np.unique(truth)) < 2:
        raise BadInput(
            f"the {side} rows have one class only",
            where="split",
            next_step="bring more data, or change [split] in project.toml",
        )


def intervals(
    task: Task, truth: Floats, predicted: Floats, resamples: Resamples, *, quantile: float | None = None
) -> dict[str, Interval | Unknown]:
    """The interval of every metric, or why there is none.

    >>> codes, truth = np.arange(10), np.array([0.0, 1.0] * 5)
    >>> str(intervals(Task.BINARY, truth, truth, Resamples(codes))["auc"])
    'unknown: 10 rows make 10 blocks, an interval needs 20'
    """
    ask = scorer(task, truth, predicted, quantile=quantile)
    if resamples.refusal:
        return {name: Unknown(resamples.refusal) for name in ask(np.ones((1, len(truth))))}
    return {name: interval_of(draws) for name, draws in resamples.ask({"model": ask})["model"].items()}


def baseline(task: Task, train: Floats, rows: int, classes: int, *, quantile: float | None = None) -> Floats:
    """What the dummy predicts for `rows` rows: the training shares of the classes, the mean, or the quantile."""
    match task:
        case Task.BINARY:
            return np.full(rows, float(np.mean(train == 1)))
        case Task.MULTICLASS:
            shares = np.bincount(train.astype(np.int64), minlength=classes) / len(train)
            return np.tile(shares, (rows, 1))
        case Task.REGRESSION:
            return np.full(rows, float(np.mean(train) if quantile is None else np.quantile(train, quantile)))


@dataclass(frozen=True)
class Slice:
    """One value of a slice column: its rows, metrics and intervals, or why there are none."""

    column: str
    value: str
    rows: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    unknown: str = ""

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "column": self.column,
            "value": self.value,
            "rows": self.rows,
            "metrics": dict(self.metrics),
            "intervals": {name: [one.low, one.high] for name, one in self.intervals.items()},
            "unknown": self.unknown,
        }


def slices(
    task: Task,
    frame: pd.DataFrame,
    columns: Sequence[str],
    truth: Floats,
    predicted: Floats,
    *,
    resamples: Resamples | None = None,
    metric: str | None = None,
    quantile: float | None = None,
) -> tuple[Slice, ...]:
    """The 20 largest values of each column; small ones and those of one class say why they have no metrics.

    With `resamples` the `metric` of each slice gets its interval (without `metric` every one).

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
            if len(rows) == 0:
                continue
            value = uniques[place]
            text = (category_text(value.item() if isinstance(value, np.generic) else value) or "")[:100]
            reason = _too_small(task, truth[rows])
            if reason:
                found.append(Slice(column, text, len(rows), {}, {}, f"unknown: {reason}"))
                continue
            metrics = evaluate(task, truth[rows], predicted[rows], quantile=quantile)
            known = _slice_intervals(task, truth[rows], predicted[rows], rows, resamples, metric, quantile)
            found.append(Slice(column, text, len(rows), metrics, known))
    return tuple(found)


def _too_small(task: Task, truth: Floats) -> str:
    if len(truth) < SMALLEST_SLICE:
        return f"{len(truth)} rows, fewer than {SMALLEST_SLICE}"
    if task is Task.REGRESSION:
        return ""
    counts = np.unique(truth, return_counts=True)[1]
    if len(counts) < 2:
        return "one class only"
    return f"{counts.min()} rows of a class, fewer than {SMALLEST_CLASS}" if counts.min() < SMALLEST_CLASS else ""


def _slice_intervals(
    task: Task,
    truth: Floats,
    predicted: Floats,
    rows: Any,
    resamples: Resamples | None,
    metric: str | None,
    quantile: float | None,
) -> dict[str, Interval]:
    if resamples is None or resamples.refusal:
        return {}
    ask = scorer(task, truth, predicted, quantile=quantile, only=metric)
    found = {name: interval_of(draws) for name, draws in resamples.ask({"slice": ask}, rows)["slice"].items()}
    return {name: one for name, one in found.items() if isinstance(one, Interval)}


__all__ = [
    "Slice",
    "auc",
    "baseline",
    "evaluate",
    "intervals",
    "refuse_one_class",
    "refuse_unusable",
    "slices",
]
