"""The reliability curve: what was promised against what happened, in the bins of the calibration error."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.problem import Task
from app.learning.metrics import BINS

Floats = np.ndarray[Any, np.dtype[np.float64]]
Z = 1.959963984540054


@dataclass(frozen=True)
class Bin:
    """Rows of one bin: mean confidence, observed share, and the share's 95 % interval (Wilson 1927)."""

    rows: int
    confidence: float
    observed: float
    low: float
    high: float

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "rows": self.rows,
            "confidence": self.confidence,
            "observed": self.observed,
            "low": self.low,
            "high": self.high,
        }


def reliability(task: Task, truth: Floats, predicted: Floats) -> tuple[Bin, ...]:
    """Bins that have rows, by confidence: the positive class's probability, or that of the predicted class.

    A regression has none.

    >>> [bin.observed for bin in reliability(Task.BINARY, np.array([0.0, 1.0]), np.array([0.1, 0.9]))]
    [0.0, 1.0]
    """
    if task is Task.REGRESSION:
        return ()
    if task is Task.BINARY:
        confidence, happened = predicted, truth == 1
    else:
        confidence, happened = predicted.max(axis=1), predicted.argmax(axis=1) == truth
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    found = []
    for at in np.unique(place):
        rows = place == at
        count, share = int(rows.sum()), float(happened[rows].mean())
        low, high = wilson(share, count)
        found.append(Bin(count, float(confidence[rows].mean()), share, low, high))
    return tuple(found)


def wilson(share: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share that was seen in some rows (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z * math.sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows)) / (1 + Z * Z / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


__all__ = ["Bin", "reliability", "wilson"]
