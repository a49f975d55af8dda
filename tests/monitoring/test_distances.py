"""The distances agree with scipy: to 1e-9 where the reference is kept whole, within the stated bound otherwise."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from app.monitoring.distances import chi_square, jensen_shannon, kolmogorov_smirnov, ordered, wasserstein
from app.monitoring.reference import NumberBins
from app.monitoring.sketch import POINTS, sketch_from_json, sketch_of
from app.monitoring.tally import NumberTally, Statistic

values = st.lists(st.floats(-1e6, 1e6) | st.integers(-5, 5).map(float), min_size=1, max_size=60).map(np.array)
counts = st.lists(st.integers(0, 500), min_size=3, max_size=12).map(lambda drawn: np.array(drawn, float))


@settings(deadline=None)
@given(values, values)
def test_a_reference_that_is_kept_whole_gives_scipys_figures(reference: np.ndarray, window: np.ndarray) -> None:
    sketch, column = sketch_of(reference), ordered(window).numbers
    size = max(np.abs(np.concatenate([reference, window])).max(), 1.0)

    assert kolmogorov_smirnov(sketch, column) == pytest.approx(ks_2samp(reference, window).statistic, abs=1e-9)
    assert wasserstein(sketch, column) == pytest.approx(wasserstein_distance(reference, window), abs=1e-9 * size)


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**31), st.sampled_from(["normal", "exponential", "standard_cauchy"]), st.integers(1, 3000))
def test_a_sketched_reference_is_off_by_at_most_what_it_states(seed: int, law: str, rows: int) -> None:
    random = np.random.default_rng(seed)
    reference, window = getattr(random, law)(size=30_000), getattr(random, law)(size=rows) * 1.1
    sketch, column = sketch_of(reference), ordered(window).numbers

    assert len(sketch.points) < POINTS + 200
    assert sketch.gap <= 1 / 4000
    off = ks_2samp(reference, window, method="asymp").statistic - kolmogorov_smirnov(sketch, column)
    assert -1e-12 <= off <= sketch.gap + 1e-12
    apart = abs(wasserstein_distance(reference, window) - wasserstein(sketch, column))
    assert apart <= sketch.wasserstein_bound * (1 + 1e-9)


@settings(deadline=None)
@given(st.data())
def test_shares_and_counts_agree_with_scipy(data: st.DataObject) -> None:
    one = data.draw(counts.filter(lambda drawn: drawn.sum() > 0))
    other = data.draw(
        st.lists(st.integers(0, 500), min_size=len(one), max_size=len(one)).map(lambda drawn: np.array(drawn, float))
    )
    if other.sum() == 0:
        other[0] = 1.0
    filled = (one + other) > 0

    theirs = distance.jensenshannon(one, other)
    if theirs > 1e-6:  # below that it is scipy's own rounding that shows, and the next test is exact
        assert jensen_shannon(one, other) == pytest.approx(theirs, abs=1e-9)
    if filled.sum() > 1:
        expected = chi2_contingency(np.stack([one[filled], other[filled]]), correction=False).statistic
        assert chi_square(one, other) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(counts.filter(lambda drawn: drawn.sum() > 0), st.integers(0, 10**7), st.integers(0, 2))
def test_shares_that_are_nearly_the_same_keep_nine_digits(one: np.ndarray, more: int, at: int) -> None:
    one = one * 10_000
    other = one.copy()
    other[at] += more
    with localcontext(prec=60):
        p, q = ([Decimal(int(count)) / int(side.sum()) for count in side] for side in (one, other))
        pairs = [(share, (a + b) / 2) for a, b in zip(p, q, strict=True) for share in (a, b) if share]
        exact = (sum((share * (share / middle).ln() for share, middle in pairs), Decimal(0)) / 2).sqrt()

    assert jensen_shannon(one, other) == pytest.approx(float(exact), abs=1e-9)


def test_a_sketch_survives_being_stored_and_a_damaged_one_is_refused() -> None:
    sketch = sketch_of(np.random.default_rng(1).normal(size=9_000))
    packed = sketch.as_json()

    again = sketch_from_json(packed)

    assert np.array_equal(again.points, sketch.points)
    assert np.array_equal(again.upto, sketch.upto)
    with pytest.raises(ValueError):
        sketch_from_json({**packed, "at": packed["points"]})


def test_parts_add_up_to_the_whole_whatever_their_order() -> None:
    random = np.random.default_rng(2)
    reference, window = random.normal(size=20_000), np.append(random.normal(0.2, 1, 5_000), [np.nan, np.inf])
    bins = NumberBins((-1.0, 0.0, 1.0), (0.16, 0.34, 0.34, 0.16), sketch=sketch_of(reference))
    whole, parts = NumberTally(bins), NumberTally(bins)
    whole.add(window)
    for part in np.array_split(random.permutation(window), 7):
        parts.add(part)

    one, other = whole.measured(20_000), parts.measured(20_000)

    assert one.shares == other.shares
    assert one.infinite == other.infinite == 1
    for name in (Statistic.PSI, Statistic.JS, Statistic.KS, Statistic.CHI2, Statistic.RANGE, Statistic.MISSING):
        assert one.values[name] == other.values[name]
    assert one.values[Statistic.WASSERSTEIN] == pytest.approx(other.values[Statistic.WASSERSTEIN], abs=1e-3)
