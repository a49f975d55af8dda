"""Fairness gaps between the groups of a protected attribute.

Binary: the larger of the demographic parity difference (Dwork et al. 2012, "Fairness through Awareness", as the gap of
selection rates) and the equalized odds difference (Hardt, Price, Srebro 2016, "Equality of Opportunity in Supervised
Learning", arXiv 1610.02413). Multiclass: the gap of accuracies. Regression: the gap of mean absolute errors, as a share
of the largest of them. Groups below 200 rows are not compared, and a rate needs 5 rows to be one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from app.domain.problem import Task
from app.learning.evaluate import SMALLEST_CLASS, SMALLEST_SLICE

Floats = np.ndarray[Any, np.dtype[np.float64]]
THRESHOLD = 0.5


@dataclass(frozen=True)
class Gap:
    """The largest gap between two groups of one attribute, from 0 to 1; NaN when it cannot be known, and why."""

    attribute: str
    value: float
    says: str


def gap_of(task: Task, attribute: str, groups: pd.Series[Any], truth: Floats, predicted: Floats) -> Gap:
    """The gap of one attribute.

    >>> groups = pd.Series(["a"] * 300 + ["b"] * 300)
    >>> truth = np.tile([0.0, 1.0], 300)
    >>> gap = gap_of(Task.BINARY, "group", groups, truth, np.where(groups == "a", truth, 0.0))
    >>> gap.value, gap.says
    (1.0, 'group: true positive rate, a 1.000 against b 0.000')
    """
    codes, names = pd.factorize(groups, use_na_sentinel=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    large = [at for at in range(len(names)) if counts[at] >= SMALLEST_SLICE]
    if len(large) < 2:
        return Gap(attribute, np.nan, f"{attribute}: fewer than two groups of {SMALLEST_SLICE} rows")
    rates = {str(names[at]): _rates(task, truth[codes == at], predicted[codes == at]) for at in large}
    worst = Gap(attribute, np.nan, f"{attribute}: no rate can be compared")
    for name in next(iter(rates.values())):
        known = {group: found[name] for group, found in rates.items() if np.isfinite(found[name])}
        if len(known) < 2:
            continue
        high, low = (pick(known, key=lambda group: known[group]) for pick in (max, min))
        size = known[high] - known[low]
        if task is Task.REGRESSION:
            size = size / known[high] if known[high] > 0 else 0.0
        if not np.isfinite(worst.value) or size > worst.value:
            says = f"{attribute}: {name}, {high} {known[high]:.3f} against {low} {known[low]:.3f}"
            worst = Gap(attribute, float(size), says)
    return worst


def largest_gap(gaps: Sequence[Gap]) -> Gap:
    """The largest of several gaps; one that cannot be known counts as the largest.

    >>> largest_gap([Gap("a", 0.1, ""), Gap("b", float("nan"), "unknown")]).attribute
    'b'
    """
    unknown = next((gap for gap in gaps if not np.isfinite(gap.value)), None)
    return unknown or max(gaps, key=lambda gap: gap.value)


def _rates(task: Task, truth: Floats, predicted: Floats) -> dict[str, float]:
    match task:
        case Task.BINARY:
            chosen = predicted >= THRESHOLD
            return {
                "selection rate": _mean(chosen),
                "true positive rate": _mean(chosen[truth == 1]),
                "false positive rate": _mean(chosen[truth == 0]),
            }
        case Task.MULTICLASS:
            return {"accuracy": _mean(predicted.argmax(axis=1) == truth)}
        case Task.REGRESSION:
            return {"mean absolute error": _mean(np.abs(predicted - truth))}


def _mean(values: np.ndarray[Any, Any]) -> float:
    return float(values.mean()) if len(values) >= SMALLEST_CLASS else float("nan")


__all__ = ["Gap", "gap_of", "largest_gap"]
