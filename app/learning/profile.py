"""What the training data and the score looked like: the reference that the monitor compares later windows with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.domain.problem import Task
from app.learning.encode import Encoded
from app.learning.signature import Signature
from app.learning.split import Window

Floats = np.ndarray[Any, np.dtype[np.float64]]
DECILES = np.arange(1, 10) / 10
MOST_VALUES = 50


def number_profile(values: Floats) -> dict[str, object]:
    """Deciles of a column: bin i holds edges[i-1] <= x < edges[i], outer edges open; shares and missing sum to 1.

    >>> number_profile(np.array([1.0, 2.0, np.nan, np.nan]))["missing"]
    0.5
    """
    present = values[np.isfinite(values)]
    edges = np.unique(np.quantile(present, DECILES)) if len(present) else np.empty(0)
    total = max(len(values), 1)
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "shares": (counts / total).tolist(),
        "missing": float(1 - len(present) / total),
    }


def category_profile(codes: Floats, categories: tuple[str, ...]) -> dict[str, object]:
    """Shares of the 50 most frequent categories; `other` holds the rest, `missing` what has no code."""
    present = codes[np.isfinite(codes)].astype(np.int64)
    total = max(len(codes), 1)
    counts = np.bincount(present, minlength=len(categories))
    kept = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    return {
        "kind": "category",
        "shares": {categories[place]: float(counts[place] / total) for place in kept.tolist() if counts[place]},
        "other": float((len(present) - counts[kept].sum()) / total),
        "missing": float(1 - len(present) / total),
    }


def score_of(task: Task, predicted: Floats) -> Floats:
    """The one number of a prediction that is watched: the probability, the highest probability, or the value."""
    return predicted.max(axis=1) if task is Task.MULTICLASS else predicted


def training_profile(
    signature: Signature,
    train: Encoded,
    predicted: Floats,
    *,
    train_window: Window,
    test_window: Window,
    metrics: Mapping[str, float],
) -> dict[str, object]:
    """The reference profile: features over the training rows, the score and metrics over the test rows."""
    features = {
        feature.name: category_profile(train.column(place), feature.categories)
        if feature.kind == "category"
        else number_profile(train.column(place))
        for place, feature in enumerate(signature.features)
    }
    score = number_profile(score_of(signature.task, predicted))
    return {
        "features": features,
        "score": {"edges": score["edges"], "shares": score["shares"]},
        "rows": len(train),
        "window": train_window.as_json(),
        "test_rows": len(predicted),
        "test_window": test_window.as_json(),
        "metrics": dict(metrics),
    }
