"""Columns that know the answer: copies of the target, columns that nearly divide it, and those known only with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.data import distributions
from app.data.columns import Column
from app.data.target import Target
from app.domain.problem import Task

PERFECT = 0.9999
STRONG_AREA, STRONG_CORRELATION = 0.9, 0.95
TOGETHER = 0.5
"""The share of the rows without an answer in which a column must be missing too, to be called known with it."""
FEWEST = 20


@dataclass(frozen=True)
class Hint:
    """A column that may know the answer: `kind` is answer, strong or together; a person decides."""

    column: str
    kind: str
    says: str


@dataclass(frozen=True)
class LabelledColumn:
    """A column of the accepted rows: its numbers, or the codes of its groups."""

    name: str
    kind: str
    numbers: npt.NDArray[np.float64] | None
    codes: npt.NDArray[np.int64] | None


def hints_of(
    columns: Sequence[LabelledColumn],
    answers: npt.NDArray[np.float64],
    target: Target,
    whole: pd.DataFrame | None = None,
) -> tuple[Hint, ...]:
    """The columns that may know the answer, in order; `whole` are all delivered rows, without those turned away too.

    A column knows the answer when it divides (or follows) the target without an error: the label is made of it. One
    that comes near is a strong hint. One that is missing just where the answer is missing is written down with it.
    """
    found: dict[str, Hint] = {}
    for column in columns:
        hint = _by_values(column, answers, target.task) if column.name != target.name else None
        if hint is not None:
            found[column.name] = hint
    if whole is not None and target.values is not None:
        made_of = [name for name, hint in found.items() if hint.kind == "answer"]
        for name, says in _together(whole, target.values, made_of).items():
            if name != target.name:
                found.setdefault(name, Hint(name, "together", says))
    return tuple(found[column.name] for column in columns if column.name in found)


def _by_values(column: LabelledColumn, answers: npt.NDArray[np.float64], task: Task) -> Hint | None:
    if column.codes is not None:
        strength = distributions.correlation_ratio(column.codes, answers)
        if strength is None or strength < STRONG_CORRELATION or int(column.codes.max(initial=0)) * 5 > len(answers):
            return None
        kind = "answer" if strength >= PERFECT else "strong"
        return Hint(column.name, kind, f"its values explain the target (correlation ratio {strength:.3f})")
    if column.numbers is None or column.kind == "time":
        return None
    both = np.isfinite(column.numbers) & np.isfinite(answers)
    if int(both.sum()) < FEWEST:
        return None
    if task is Task.BINARY:
        reached = distributions.area(column.numbers[both], answers[both] > 0)
        strength = 0.0 if reached is None else max(reached, 1 - reached)
        words, strong = f"alone it reaches an AUC of {strength:.3f}", STRONG_AREA
    else:
        strength = abs(distributions.correlation(column.numbers, answers) or 0.0)
        words, strong = f"its correlation with the target is {strength:.3f}", STRONG_CORRELATION
    if strength < strong:
        return None
    if strength >= PERFECT:
        return Hint(
            column.name, "answer", "it knows the answer without an error: the target is made of it, or copies it"
        )
    return Hint(column.name, "strong", words)


def unknown_answers(whole: pd.DataFrame, target: pd.Series, made_of: Sequence[str]) -> npt.NDArray[np.bool_]:
    """The rows without an answer: a label made of a missing value says nothing (`None >= 30` is False in pandas).

    >>> unknown_answers(pd.DataFrame({"delay": [31.0, None]}), pd.Series([1, 0]), ["delay"]).tolist()
    [False, True]
    """
    unknown: npt.NDArray[np.bool_] = target.isna().to_numpy()
    for name in made_of:
        unknown = unknown | whole[name].isna().to_numpy()
    return unknown


def _together(whole: pd.DataFrame, target: pd.Series, made_of: Sequence[str]) -> dict[str, str]:
    """Columns that are missing only where the answer is: they are written down when the answer is known, or later."""
    unknown = unknown_answers(whole, target, made_of)
    rows = int(unknown.sum())
    if rows < FEWEST or rows == len(whole):
        return {}
    found: dict[str, str] = {}
    for name in map(str, whole.columns):
        missing = whole[name].isna().to_numpy()
        inside = int((missing & unknown).sum())
        if inside >= TOGETHER * rows and inside >= 0.99 * int(missing.sum()):
            found[name] = (
                f"missing in {inside:,} of the {rows:,} rows without an answer, hardly elsewhere: known only with it"
            )
    return found


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
