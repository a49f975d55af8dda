"""Estimates: from small fits, from earlier runs, with intervals that learn from what they were off by."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.machine.estimate import (
    PastRun,
    Shape,
    SmallFit,
    around,
    beside_the_fit,
    by_past_runs,
    by_small_fits,
    gpu_memory,
    memory,
    width_of,
)


@given(st.integers(10_000, 5_000_000), st.integers(10, 2000))
def test_a_fit_whose_rounds_grow_with_the_rows_is_foretold_exactly(rows: int, rounds: int) -> None:
    def seconds(n: int, r: int) -> float:
        return 4e-6 * n + r * (0.002 + 3e-7 * n)

    fits = [SmallFit(Shape(n, 10, r, 1), seconds(n, r)) for n in (1000, 6000) for r in (5, 20)]

    assert by_small_fits(fits, Shape(rows, 10, rounds, 1), 0.0) == pytest.approx(seconds(rows, rounds), rel=1e-6)


def test_a_noisy_small_fit_never_foretells_no_time_at_all() -> None:
    disturbed = {(1000, 5): 0.4, (1000, 20): 0.3, (6000, 5): 0.2, (6000, 20): 0.2}
    fits = [SmallFit(Shape(n, 10, r, 1), seconds) for (n, r), seconds in disturbed.items()]

    assert by_small_fits(fits, Shape(1_000_000, 10, 300, 1), 0.0) > 0.5


def test_a_busy_machine_makes_the_fit_longer() -> None:
    fits = [SmallFit(Shape(n, 10, r, 1), 1e-6 * n * r) for n in (1000, 6000) for r in (5, 20)]

    alone, beside = (by_small_fits(fits, Shape(50_000, 10, 100, 2), 0.0, slowdown) for slowdown in (1.0, 3.0))

    assert beside == pytest.approx(3 * alone)


def test_earlier_runs_of_the_same_shape_count_more_than_small_ones() -> None:
    same = PastRun(Shape(300_000, 20, 300, 2), 14.0, 12.0, 1 << 30)
    small = PastRun(Shape(1000, 20, 10, 2), 9.0, 8.0, 1 << 29)

    assert by_past_runs([small, same], same.shape) == pytest.approx(14.0, rel=0.35)


def test_the_interval_narrows_with_good_estimates_and_widens_with_bad_ones() -> None:
    assert width_of([0.02] * 20, "past runs") < width_of([], "past runs") < width_of([0.8] * 5, "past runs")


@pytest.mark.parametrize("noise", [0.1, 0.2, 0.8])
def test_nine_of_ten_runs_lie_inside_whatever_their_noise(noise: float) -> None:
    generator = np.random.default_rng(7)
    past: list[PastRun] = []
    errors: list[float] = []
    inside = []

    for _ in range(300):
        shape = Shape(int(generator.lognormal(11, 0.3)), 20, int(generator.integers(100, 400)), 2)
        fit, rest = 1e-7 * shape.work, 1 + 1e-5 * shape.rows
        slower = float(generator.lognormal(0, noise))
        if past:
            expected = around(by_past_runs(past[-20:], shape), width_of(errors[-20:], "past runs"))
            inside.append(expected.low <= slower * (fit + rest) <= expected.high)
            errors.append(math.log(slower * (fit + rest) / expected.value))
        past.append(PastRun(shape, slower * (fit + rest), slower * fit, 1 << 30))

    assert 0.84 <= np.mean(inside) <= 0.95


def test_memory_follows_the_run_that_was_most_alike() -> None:
    seen = PastRun(Shape(1_000_000, 20, 10, 2), 1.0, 1.0, 3 << 30)

    assert memory(Shape(1_000_000, 20, 10, 2), [seen]) == 3 << 30
    assert memory(Shape(2_000_000, 20, 10, 2), [seen]) > 5 << 30
    assert gpu_memory(Shape(1_000_000, 20, 10, 2), "gpu") > gpu_memory(Shape(1_000_000, 20, 10, 2), "cpu") == 0


def test_a_run_that_took_less_than_the_libraries_were_thought_to_take_says_so() -> None:
    seen = PastRun(Shape(1000, 20, 10, 2), 1.0, 0.5, 150 << 20)

    assert memory(Shape(1000, 20, 10, 2), [seen]) == 150 << 20
    assert beside_the_fit(1000, [seen]) == 0.5
