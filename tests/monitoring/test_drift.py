"""Shares of a window over the training profile's bins, and their population stability index."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitoring.area import area_by_chance
from app.monitoring.chance import by_chance
from app.monitoring.distances import wasserstein
from app.monitoring.drift import half_a_row, psi
from app.monitoring.reference import CategoryBins, NumberBins
from app.monitoring.sketch import sketch_of
from app.monitoring.tally import Measured, Statistic, add, tally_of

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=20).filter(lambda values: sum(values) > 0)


def shares(values: list[int]) -> list[float]:
    return [value / sum(values) for value in values]


def test_psi_of_hand_figures() -> None:
    by_hand = (0.3 - 0.2) * math.log(0.3 / 0.2) + (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.4 - 0.3) * math.log(0.4 / 0.3)

    assert psi([0.2, 0.5, 0.3], [0.3, 0.3, 0.4]) == pytest.approx(by_hand, abs=1e-15)


def test_an_empty_bin_counts_as_the_floor_on_both_sides() -> None:
    emptied = psi([0.5, 0.5], [1.0, 0.0], floor=0.01)
    by_hand = (1.0 - 0.5) * math.log(1.0 / 0.5) + (0.01 - 0.5) * math.log(0.01 / 0.5)

    assert emptied == pytest.approx(by_hand)
    assert psi([1.0, 0.0], [1.0, 0.0]) == 0.0


@given(counts)
def test_psi_of_the_same_shares_is_zero(values: list[int]) -> None:
    assert psi(shares(values), shares(values)) == 0.0


@given(st.data())
def test_psi_is_never_negative_and_symmetric(data: st.DataObject) -> None:
    one = data.draw(counts)
    other = data.draw(
        st.lists(st.integers(0, 1000), min_size=len(one), max_size=len(one)).filter(lambda values: sum(values) > 0)
    )

    there, back = psi(shares(one), shares(other)), psi(shares(other), shares(one))

    assert there >= 0
    assert there == pytest.approx(back, rel=1e-12)
    assert math.isfinite(there)


@pytest.mark.parametrize(("one", "other"), [([0.5, 0.5], [1.0]), ([0.0, 0.0], [0.5, 0.5]), ([1.0], [0.0])])
def test_psi_refuses_sides_that_cannot_be_compared(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match=r"bins|no rows"):
        psi(one, other)


def counted(values: "pd.Series[Any]", bins: NumberBins | CategoryBins) -> Measured:
    tally = tally_of(bins)
    add(tally, values)
    return tally.measured(1000)


def test_missing_is_a_bin_and_infinity_counts_as_missing() -> None:
    bins = NumberBins((0.0, 10.0), (0.3, 0.4, 0.3))
    values = pd.Series([-np.inf, -1.0, 5.0, 11.0, np.inf, np.nan, None, 5.0])

    found = counted(values, bins)

    assert found.shares == (1 / 8, 2 / 8, 1 / 8, 4 / 8)
    assert found.infinite == 2
    assert found.values[Statistic.MISSING] == 0.5


def test_new_categories_are_counted_in_other() -> None:
    bins = CategoryBins(("EWR", "JFK"), (0.5, 0.4), other=0.1, rare=("LGA",))
    values = pd.Series(["EWR", "JFK", "ZZZ", "\x1b]52;c;x\x07", None, "EWR", "LGA", "LGA"])

    found = counted(values, bins)

    assert found.shares == pytest.approx([2 / 8, 1 / 8, 4 / 8, 1 / 8])
    assert found.values[Statistic.NEW] == pytest.approx(2 / 8)


def test_pandas_categories_and_booleans_are_counted_as_their_words() -> None:
    bins = CategoryBins(("true", "false"), (0.5, 0.5))

    assert counted(pd.Series([True, False, True, True]), bins).shares == (0.75, 0.25, 0.0, 0.0)
    assert counted(pd.Series(["true", None], dtype="category"), bins).shares == (0.5, 0.0, 0.0, 0.5)


def test_shares_of_no_rows_are_zero_everywhere_and_no_statistic_is_made_up() -> None:
    for values, bins in (
        (pd.Series([], dtype=float), NumberBins((1.0,), (0.5, 0.5))),
        (pd.Series([], dtype=str), CategoryBins(("a",), (1.0,))),
    ):
        found = counted(values, bins)

        assert sum(found.shares) == 0
        assert found.values == {}


@pytest.mark.parametrize("statistic", [Statistic.PSI, Statistic.SHARE])
@pytest.mark.parametrize("cells", ["full", "sparse", "of one large value"])
def test_windows_without_change_pass_a_limit_as_often_as_stated(statistic: Statistic, cells: str) -> None:
    random, rows, reference, trials, rate = np.random.default_rng(7), 300, 20_000, 20_000, 0.01
    weights = {"full": np.ones(10), "sparse": 1 / np.arange(1, 61), "of one large value": np.array([97, 1, 1, 1])}
    before = weights[cells] / weights[cells].sum()
    bins = CategoryBins(tuple(str(at) for at in range(len(before))), tuple(before.tolist()), rare=())
    limit = by_chance(statistic, bins, reference, rows, rate)

    window = random.multinomial(rows, before, trials) / rows
    kept = (random.multinomial(reference, before, 400) / reference)[random.integers(0, 400, trials)]
    if statistic is Statistic.SHARE:
        found = np.abs(window - kept).max(axis=1)
    else:
        one, other = np.maximum(kept, half_a_row(rows)), np.maximum(window, half_a_row(rows))
        found = ((other - one) * np.log(other / one)).sum(axis=1)

    assert 0.6 * rate < (found > limit).mean() < 1.5 * rate


@pytest.mark.parametrize("law", ["normal", "exponential"])
def test_the_wasserstein_distance_of_windows_without_change_passes_its_limit_as_often_as_stated(law: str) -> None:
    random = np.random.default_rng(3)
    sketch, rows, trials = sketch_of(getattr(random, law)(size=40_000)), 200, 1_500
    limit = area_by_chance(sketch, rows, 0.05)

    alarms = sum(
        wasserstein(sketch, np.sort(getattr(random, law)(size=rows))) / sketch.deviation > limit for _ in range(trials)
    )

    assert 0.03 < alarms / trials < 0.07


def test_a_word_that_becomes_frequent_in_few_rows_is_found_by_its_share_alone() -> None:
    bins = CategoryBins(tuple("abcdefghij"), (0.1,) * 10, rare=())
    random = np.random.default_rng(5)
    still = pd.Series(random.choice(list("abcdefghij"), 300))
    moved = still.where(random.random(300) > 0.15, "a")
    limit = by_chance(Statistic.SHARE, bins, 20_000, 300, 1e-4)

    assert counted(still, bins).values[Statistic.SHARE] < limit
    assert counted(moved, bins).values[Statistic.SHARE] > limit
