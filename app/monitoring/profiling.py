"""The reference that is kept with a model: profile, sketches, calibration, and what an estimate of quality needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.problem import Task
from app.monitoring.calibrating import Column, calibrate
from app.monitoring.calibration import Calibration
from app.monitoring.estimate import estimate_reference
from app.monitoring.multivariate import ROWS, Sample, own_limit
from app.monitoring.reference import NumberBins
from app.monitoring.sketch import sketch_from_json, sketch_of_ordered
from app.monitoring.tally import Statistic
from app.monitoring.trees import Fit

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
DECILES = np.arange(1, 10) / 10
MOST_VALUES = 50
STILL = 0.15


@dataclass(frozen=True)
class Judged:
    """The test rows: labels and answers as numbers, the watched score, numeric features, times (None without).

    `out_of_time` says whether they all happened after the training rows: only then do they tell of the time to come.
    """

    labels: Numbers
    answers: Numbers
    score: Numbers
    features: Mapping[str, Numbers] = field(default_factory=dict)
    times: Whole | None = None
    out_of_time: bool = False


def number_profile(values: Numbers) -> dict[str, object]:
    """Deciles of a column: bin i holds edges[i-1] <= x < edges[i], outer edges open; shares and missing sum to 1.

    >>> number_profile(np.array([1.0, 2.0, np.nan, np.nan]))["missing"]
    0.5
    """
    present = np.sort(values[np.isfinite(values)])
    edges = np.unique(np.quantile(present, DECILES)) if len(present) else np.empty(0)
    total = max(len(values), 1)
    under = np.searchsorted(present, edges, side="left")
    counts = np.diff(under, prepend=0, append=len(present))
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "shares": (counts / total).tolist(),
        "missing": float(1 - len(present) / total),
        "sketch": sketch_of_ordered(present).as_json(),
    }


def category_profile(codes: Numbers, categories: tuple[str, ...]) -> dict[str, object]:
    """Shares of the 50 most frequent categories; `other` holds the `rare` rest, `missing` what has no code."""
    present = codes[np.isfinite(codes)].astype(np.int64)
    total = max(len(codes), 1)
    counts = np.bincount(present, minlength=len(categories))
    ranked = np.argsort(-counts, kind="stable")
    kept = ranked[:MOST_VALUES]
    return {
        "kind": "category",
        "shares": {categories[place]: float(counts[place] / total) for place in kept.tolist() if counts[place]},
        "rare": [categories[place] for place in ranked[MOST_VALUES:].tolist()],
        "other": float((len(present) - counts[kept].sum()) / total),
        "missing": float(1 - len(present) / total),
    }


def features_profile(columns: Sequence[Column], times: Whole | None, *, fit: Fit | None = None) -> dict[str, object]:
    """What the reference says of the training rows (at `times`, nanoseconds), whatever model is fitted on them."""
    features = {
        column.name: number_profile(column.values)
        if column.words is None
        else category_profile(column.values, column.words)
        for column in columns
    }
    rows = len(columns[0].values) if columns else 0
    calibration = None
    if times is not None:
        calibration = calibrate([(column, _bins(column, features[column.name])) for column in columns], times)
    still = still_columns(columns, calibration)
    return {
        "features": features,
        "rows": rows,
        "calibration": calibration.as_json() if calibration is not None else None,
        "sample": _sample(still, times, rows, fit).as_json() if still else None,
    }


def exam_profile(task: Task, judged: Judged, *, naive: Sequence[float] = ()) -> dict[str, object]:
    """What the reference says of the test rows: their scores, and what an estimate of quality needs.

    `naive` is what the naive baseline answers: the share of each class, or a number.
    """
    score = number_profile(judged.score)
    found: dict[str, object] = {
        "score": {name: score[name] for name in ("edges", "shares", "missing", "sketch")},
        "test_rows": len(judged.score),
        "naive": list(naive),
        "estimate": _estimate(task, judged).as_json(),
    }
    if judged.times is not None and judged.out_of_time:
        column = Column("score", judged.score)
        calibration = calibrate([(column, _bins(column, score))], judged.times)
        found["score_calibration"] = calibration.as_json() if calibration is not None else None
    return found


def still_columns(columns: Sequence[Column], calibration: Calibration | None) -> list[Column]:
    """The columns that hold still by themselves, which alone can tell whether features have moved together.

    A season tells every window from the reference, and a classifier that sees it sees nothing else: a column whose
    stretches of time are usually more than .15 apart (Jensen-Shannon) is left to its own statistics.
    """
    if calibration is None:
        return list(columns)
    apart = calibration.levels[0].spreads[str(Statistic.JS)].features
    return [column for column in columns if math.exp(apart[column.name][0]) <= STILL]


def _bins(column: Column, entry: Mapping[str, Any]) -> NumberBins | None:
    if column.words is not None:
        return None
    sketch = sketch_from_json(entry["sketch"])
    return NumberBins(tuple(entry["edges"]), tuple(entry["shares"]), entry["missing"], "right", sketch)


def _estimate(task: Task, judged: Judged) -> Any:
    order = np.argsort(judged.times, kind="stable") if judged.times is not None else np.arange(len(judged.labels))
    refusal = "" if judged.out_of_time else "the test rows are not later than the training rows: see [split]"
    return estimate_reference(
        task,
        judged.labels[order],
        judged.answers[order],
        judged.score[order],
        {name: column[order] for name, column in judged.features.items()},
        refusal=refusal,
    )


def _sample(columns: Sequence[Column], times: Whole | None, rows: int, fit: Fit | None) -> Sample:
    order = np.argsort(times, kind="stable") if times is not None else np.random.default_rng(7).permutation(rows)
    chosen = order[np.unique(np.linspace(0, max(rows - 1, 0), min(ROWS, rows)).astype(int))]
    matrix = np.stack([column.values[chosen] for column in columns], axis=1).astype(np.float32)
    words = {column.name: column.words for column in columns if column.words is not None}
    return Sample(tuple(column.name for column in columns), words, matrix, own_limit(matrix, fit=fit))


__all__ = ["Column", "Judged", "category_profile", "exam_profile", "features_profile", "number_profile"]
