"""Answers of a scikit-learn model in one shape; how it is stored stands in `app.learning.estimator`."""

from typing import Any

import numpy as np

from app.domain.problem import Task
from app.learning.estimator import dump_estimator as dump
from app.learning.estimator import load_estimator as load

Floats = np.ndarray[Any, np.dtype[np.float64]]


def answers(estimator: Any, matrix: Any, task: Task, classes: int) -> Floats:
    """Predictions as float64: P(positive) for binary, (rows, classes) for multiclass, numbers for a regression.

    A class that the training rows did not have gets probability 0.
    """
    if task is Task.REGRESSION:
        return np.asarray(estimator.predict(matrix), dtype=np.float64).reshape(-1)
    probabilities = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
    out = np.zeros((len(probabilities), max(classes, 2)))
    out[:, np.asarray(estimator.classes_).astype(np.int64)] = probabilities
    return out[:, 1].copy() if task is Task.BINARY else out


__all__ = ["answers", "dump", "load"]
