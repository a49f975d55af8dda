"""What a model looks at: gain of its splits, the cost of shuffling a column, SHAP values; for a model and for a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.problem import MetricName, Task
from app.learning.bootstrap import Unknown
from app.learning.metrics import scorer
from app.learning.native import Trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.learning.loader import LoadedModel

Floats = np.ndarray[Any, np.dtype[np.float64]]
SHAP_ROWS = 500
SHUFFLED_ROWS = 2500
"""Shuffled once: as exact as 2,000 rows shuffled twice, for five eighths of the predictions."""


@dataclass(frozen=True)
class Importance:
    """One feature: its share of the gain, the mean absolute SHAP value (raw score), and what shuffling it costs."""

    feature: str
    gain: float | None
    shap: float | None
    permutation: float

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {"feature": self.feature, "gain": self.gain, "shap": self.shap, "permutation": self.permutation}


@dataclass(frozen=True)
class Reason:
    """What one feature of one row did to its prediction, in `unit`."""

    feature: str
    value: object
    contribution: float


@dataclass(frozen=True)
class Explained:
    """One prediction: `base` and the contributions sum to `score`, which is what `unit` says."""

    prediction: object
    method: str
    unit: str
    base: float
    score: float
    reasons: tuple[Reason, ...]


def importances(
    model: LoadedModel,
    matrix: Floats,
    truth: Floats,
    metric: MetricName,
    *,
    quantile: float | None = None,
    seed: int = 7,
) -> tuple[tuple[Importance, ...], dict[str, Unknown]]:
    """Every feature with its importances, the most important first, and what is unknown and why.

    Gain is the share of all splits' gain; SHAP is TreeSHAP of LightGBM itself over 500 seeded rows; permutation is how
    much worse the metric gets, in its own unit, when the column is shuffled over 2,500 seeded rows (Breiman 2001;
    Fisher, Rudin and Dominici 2019).
    """
    names, generator = model.signature.names, np.random.default_rng(seed)
    gains: list[float | None] = [None] * len(names)
    shaps: list[float | None] = [None] * len(names)
    unknown = {}
    if isinstance(model.parsed, Trees):
        found = np.asarray(model.parsed.importance())
        total = float(found.sum())
        gains = [float(one / total) if total > 0 else 0.0 for one in found]
        rows = _sample(generator, len(matrix), SHAP_ROWS)
        values = np.abs(model.parsed.contributions(matrix[rows]))[:, :, :-1].mean(axis=(0, 1))
        shaps = [float(one) for one in values]
    else:
        for name in ("gain", "shap"):
            unknown[f"importance.{name}"] = Unknown("LightGBM alone gives it")
    costs = _permuted(model, matrix, truth, metric, quantile, generator)
    listed = [Importance(*one) for one in zip(names, gains, shaps, costs, strict=True)]
    listed.sort(key=lambda one: (-(one.shap if one.shap is not None else one.permutation), one.feature))
    return tuple(listed), unknown


def _permuted(
    model: LoadedModel,
    matrix: Floats,
    truth: Floats,
    metric: MetricName,
    quantile: float | None,
    generator: np.random.Generator,
) -> list[float]:
    rows = _sample(generator, len(matrix), SHUFFLED_ROWS)
    part, wanted = np.ascontiguousarray(matrix[rows]), truth[rows]
    answers = model.predict_matrix(part)

    def score(predicted: Floats) -> float:
        ask = scorer(model.signature.task, wanted, predicted, quantile=quantile, only=metric)
        return float(ask(np.ones((1, len(wanted))))[metric][0])

    whole, costs = score(answers), []
    for column in range(part.shape[1]):
        kept = part[:, column]
        given = kept[generator.permutation(len(kept))]
        moved = np.flatnonzero((given != kept) & ~(np.isnan(given) & np.isnan(kept)))  # the others keep their answer
        changed, predicted = part[moved], answers.copy()
        changed[:, column] = given[moved]
        if len(moved):
            predicted[moved] = model.predict_matrix(changed)
        cost = float(metric.gain(whole, over=score(predicted)))
        costs.append(cost if np.isfinite(cost) else 0.0)
    return costs


def explain(model: LoadedModel, record: Mapping[str, object]) -> Explained:
    """One prediction taken apart, the largest contribution first; raises BadInput naming a field that is wrong.

    LightGBM: exact SHAP values of the raw score (log-odds, or the number) of the predicted class. Other learners:
    occlusion, the change of the prediction when the feature is made missing; these need not sum up.
    """
    task, names = model.signature.task, model.signature.names
    matrix = model.matrix_of([record])
    prediction = model.predict([record])[0]
    place = int(np.argmax(prediction)) if task is Task.MULTICLASS else 0
    if isinstance(model.parsed, Trees):
        values = model.parsed.contributions(matrix)[0][place]
        base, contributions = float(values[-1]), values[:-1]
        method, unit = "SHAP (LightGBM)", "the predicted number" if task is Task.REGRESSION else "log-odds"
        score = float(values.sum())
    else:
        repeated = np.repeat(matrix, len(names) + 1, axis=0)
        repeated[np.arange(len(names)), np.arange(len(names))] = np.nan
        answers = model.predict_matrix(repeated).reshape(len(repeated), -1)[:, place]
        contributions, base, score = answers[-1] - answers[:-1], float(answers[-1]), float(answers[-1])
        method, unit = "occlusion", "the predicted number" if task is Task.REGRESSION else "probability"
    reasons = [Reason(name, record[name], float(one)) for name, one in zip(names, contributions, strict=True)]
    reasons.sort(key=lambda one: (-abs(one.contribution), one.feature))
    return Explained(prediction, method, unit, base, score, tuple(reasons))


def _sample(generator: np.random.Generator, rows: int, most: int) -> Any:
    return np.sort(generator.choice(rows, most, replace=False)) if rows > most else np.arange(rows)


__all__ = ["Explained", "Importance", "Reason", "explain", "importances"]
