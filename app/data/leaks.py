"""Columns that know the answer: copies of the target, and columns that divide it without an error."""

import numpy as np
import pandas as pd

from app.data.columns import Column
from app.domain.problem import Task

PERFECT = 0.9999


def leak(column: Column, target: Column, task: Task) -> str | None:
    """Why this column gives the target away, or None.

    >>> price = Column("price", "number", pd.Series([1.0, 2.0, 3.5, 9.0] * 5), 0, 4)
    >>> cents = Column("cents", "number", price.values * 100, 0, 4)
    >>> leak(cents, price, Task.REGRESSION)
    'it follows the target exactly (correlation 1.0000)'
    """
    both = column.values.notna() & target.values.notna()
    if int(both.sum()) < 10:
        return None
    own, answer = column.values[both], target.values[both]
    if task is Task.REGRESSION:
        return _follows(own, answer) if column.kind in ("number", "boolean") else None
    classes, _ = pd.factorize(answer)
    if column.distinct <= max(50, 2 * target.distinct) and column.distinct * 5 <= len(own):
        values, _ = pd.factorize(own)
        pairs = len(np.unique(values.astype(np.int64) * (classes.max() + 1) + classes))
        if pairs == int(values.max()) + 1 and column.distinct >= target.distinct:
            return "each of its values goes with one value of the target"
    if task is Task.BINARY and column.kind == "number":
        ranks = own.rank().to_numpy()
        ones = int((classes == 1).sum())
        zeros = len(classes) - ones
        if ones and zeros:
            area = (ranks[classes == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)
            if max(area, 1 - area) >= PERFECT:
                return "it divides the two values of the target without an error"
    return None


def _follows(own: pd.Series, answer: pd.Series) -> str | None:
    one, other = own.to_numpy(dtype="float64"), answer.to_numpy(dtype="float64")
    if one.std() == 0 or other.std() == 0:
        return None
    correlation = float(np.corrcoef(one, other)[0, 1])
    if abs(correlation) >= PERFECT:
        return f"it follows the target exactly (correlation {correlation:.4f})"
    return None
