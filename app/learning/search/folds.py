"""Folds of the training rows: windows that walk forward in time with a purge gap, or a seeded share of each class.

The test window is no part of it: only training rows come in here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Search, Split

if TYPE_CHECKING:
    import pandas as pd

Places = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
MONTH_DAYS = 30.4375
LONGEST_SHARE = 0.6
"""At most this share of the time before the test window is validated on: the first fold needs rows to learn from."""


@dataclass(frozen=True)
class Fold:
    """Places among the training rows: those to learn from, and those to judge by."""

    train: Places = field(repr=False)
    valid: Places = field(repr=False)
    says: str = ""


def digest_of(folds: Sequence[Fold]) -> str:
    """SHA-256 of the folds: a resumed search must judge by the same rows."""
    whole = hashlib.sha256()
    for fold in folds:
        whole.update(fold.train.astype(np.int64).tobytes() + b"|" + fold.valid.astype(np.int64).tobytes())
    return whole.hexdigest()


def by_time(
    times: "pd.Series[Any]", rule: Search, split: Split, known: "pd.Series[Any] | None" = None
) -> tuple[Fold, ...]:
    """Windows side by side at the end of the training rows; each fold learns from what was known before its window.

    A fold learns from rows at least `gap_hours` before its window (default: the split's) whose label was known by then.
    Raises BadInput when a fold has no rows to learn from or to judge by.
    """
    import pandas as pd

    first, last = times.min(), times.max()
    months = rule.fold_months or float(split.test_months)
    length = min(pd.Timedelta(days=months * MONTH_DAYS), (last - first) * LONGEST_SHARE / rule.folds)
    gap = pd.Timedelta(hours=split.gap_hours if rule.gap_hours is None else rule.gap_hours)
    found = []
    for at in range(rule.folds):
        begin = last - length * (rule.folds - at)
        end = begin + length
        valid = (times > begin) & (times <= end) if at + 1 < rule.folds else times > begin
        train = times <= begin - gap
        if known is not None:
            train &= (known <= begin) | known.isna()
        found.append(
            Fold(
                np.flatnonzero(train.to_numpy()),
                np.flatnonzero(valid.to_numpy()),
                f"{begin:%Y-%m-%d %H:%M} to {min(end, last):%Y-%m-%d %H:%M}",
            )
        )
    _refuse_empty(found)
    return tuple(found)


def at_random(
    rows: int, rule: Search, codes: Floats | None = None, groups: "np.ndarray[Any, Any] | None" = None
) -> tuple[Fold, ...]:
    """A seeded share of the rows in each fold: of each class where `codes` are given, whole groups where they are.

    >>> [len(fold.valid) for fold in at_random(9, Search(folds=3))]
    [3, 3, 3]
    """
    generator = np.random.default_rng(rule.seed)
    side = np.zeros(rows, dtype=np.int64)
    if groups is not None:
        order = generator.permutation(int(groups.max()) + 1)
        side = (order % rule.folds)[groups]
    else:
        kinds = np.zeros(rows) if codes is None else codes
        shift = 0
        for kind in np.unique(kinds):
            places = generator.permutation(np.flatnonzero(kinds == kind))
            side[places] = (np.arange(len(places)) + shift) % rule.folds
            shift += len(places)
    found = [
        Fold(np.flatnonzero(side != at), np.flatnonzero(side == at), f"share {at + 1} of {rule.folds}")
        for at in range(rule.folds)
    ]
    _refuse_empty(found)
    return tuple(found)


def refuse_one_class(folds: Sequence[Fold], target: Floats, task: Task) -> None:
    """Raise BadInput when the rows that a fold learns from or is judged by have one class only."""
    if task is Task.REGRESSION:
        return
    for at, fold in enumerate(folds, 1):
        for side, places in (("learns from", fold.train), ("is judged by", fold.valid)):
            if len(np.unique(target[places])) < 2:
                raise BadInput(
                    f"the rows that fold {at} {side} ({fold.says}) have one class only",
                    where="project.toml [search]",
                    next_step="set fewer search.folds or longer search.fold_months, or bring more data",
                )


def _refuse_empty(folds: Sequence[Fold]) -> None:
    for at, fold in enumerate(folds, 1):
        if not len(fold.train) or not len(fold.valid):
            side = "learn from" if not len(fold.train) else "be judged by"
            raise BadInput(
                f"fold {at} ({fold.says}) has no rows to {side}",
                where="project.toml [search]",
                next_step="set fewer search.folds or shorter search.fold_months, or bring more data",
            )


__all__ = ["Fold", "at_random", "by_time", "digest_of", "refuse_one_class"]
