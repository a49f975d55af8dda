"""Folds walk forward in time, leave a gap, and keep to what was known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Search, Split
from app.learning.search.folds import at_random, by_time, digest_of, refuse_one_class

START = pd.Timestamp("2013-01-01", tz="UTC")


def times_of(hours: "list[float]") -> "pd.Series[pd.Timestamp]":
    """Moments so many hours after the new year."""
    return pd.Series(START + pd.to_timedelta(hours, unit="h"))


@given(
    st.lists(st.floats(0, 24 * 90), min_size=60, max_size=200),
    st.integers(2, 5),
    st.floats(0, 48),
)
def test_every_row_learned_from_lies_a_gap_before_the_window_and_windows_do_not_overlap(
    hours: list[float], count: int, gap: float
) -> None:
    times = times_of(sorted(hours))
    try:
        folds = by_time(times, Search(folds=count, gap_hours=gap), Split(kind="time"))
    except BadInput:
        return

    for fold in folds:
        distance = times.iloc[fold.valid].min() - times.iloc[fold.train].max()
        assert distance >= pd.Timedelta(hours=gap) - pd.Timedelta("1us")
    together = np.concatenate([fold.valid for fold in folds])
    assert len(np.unique(together)) == len(together)
    assert [fold.train.max() for fold in folds] == sorted(fold.train.max() for fold in folds)
    assert folds[-1].valid.max() == len(times) - 1


def test_a_label_that_became_known_after_the_window_began_is_not_learned_from() -> None:
    times = times_of([float(hour) for hour in range(24 * 60)])
    known = times + pd.Timedelta(hours=100)

    plain = by_time(times, Search(), Split(kind="time"))
    honest = by_time(times, Search(), Split(kind="time"), known)

    for one, other in zip(plain, honest, strict=True):
        begin = times.iloc[one.valid].min()
        assert (known.iloc[other.train] < begin).all()
        assert len(one.train) - len(other.train) in (99, 100)


def test_windows_are_as_long_as_the_test_window_where_there_is_time_and_shorter_where_there_is_not() -> None:
    times = times_of([float(hour) for hour in range(24 * 365)])

    long = by_time(times, Search(folds=3), Split(kind="time"))
    short = by_time(times.iloc[: 24 * 31], Search(folds=3), Split(kind="time"))

    assert len(long[0].valid) / 24 == pytest.approx(30.4, abs=0.5)
    assert len(short[0].valid) / 24 == pytest.approx(0.2 * 31, abs=0.5)


def test_random_folds_keep_the_shares_of_classes_and_whole_groups_and_are_seeded() -> None:
    codes = np.repeat([0.0, 1.0], [900, 90])
    groups = np.arange(990) // 3

    by_class = at_random(990, Search(folds=3), codes)
    by_group = at_random(990, Search(folds=3), None, groups)

    assert [int(codes[fold.valid].sum()) for fold in by_class] == [30, 30, 30]
    for fold in by_group:
        assert not set(groups[fold.train]) & set(groups[fold.valid])
    assert digest_of(by_class) == digest_of(at_random(990, Search(folds=3), codes))
    assert digest_of(by_class) != digest_of(at_random(990, Search(folds=3, seed=8), codes))


def test_folds_without_rows_or_with_one_class_are_refused_in_words() -> None:
    with pytest.raises(BadInput, match=r"fold 1 .* no rows to learn from"):
        by_time(times_of([0.0, 1.0, 2.0, 3.0]), Search(folds=2, gap_hours=9), Split(kind="time"))
    folds = at_random(9, Search(folds=3))
    with pytest.raises(BadInput, match=r"fold 1 learns from .* one class"):
        refuse_one_class(folds, np.zeros(9), Task.BINARY)
    refuse_one_class(folds, np.zeros(9), Task.REGRESSION)
