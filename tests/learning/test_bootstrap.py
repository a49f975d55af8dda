"""Intervals cover what they should, days are drawn together, two models share their draws, and it is fast."""

import time

import numpy as np
import pandas as pd
import pytest

from app.domain.problem import MetricName, Task
from app.learning.bootstrap import Interval, Resamples, Unknown, block_codes, interval_of
from app.learning.evaluate import intervals
from app.learning.metrics import scorer
from app.learning.verdict import compare


def test_an_interval_of_independent_rows_covers_the_true_mean_about_95_times_in_100() -> None:
    generator, hits = np.random.default_rng(1), 0
    for seed in range(200):
        truth = generator.normal(0, 1, 400)
        found = intervals(Task.REGRESSION, truth, np.zeros(400), Resamples(np.arange(400), count=200, seed=seed))["mae"]
        assert isinstance(found, Interval)
        hits += found.low <= np.sqrt(2 / np.pi) <= found.high

    assert 0.89 <= hits / 200 <= 0.985


def test_days_that_go_together_widen_the_interval_as_they_must() -> None:
    generator, hits, naive_hits = np.random.default_rng(2), 0, 0
    days = np.repeat(np.arange(60), 20)
    for seed in range(150):
        error = np.repeat(generator.normal(0, 1, 60), 20) + generator.normal(0, 0.5, 1200)
        codes, none = days, np.arange(1200)
        for at, which in enumerate((codes, none)):
            draws = Resamples(which, count=200, seed=seed)
            found = interval_of(np.concatenate([w.astype(float) @ error / w.sum(axis=1) for w in draws.weights()]))
            assert isinstance(found, Interval)
            covered = found.low <= 0 <= found.high
            hits, naive_hits = hits + (covered and at == 0), naive_hits + (covered and at == 1)

    assert hits / 150 >= 0.88
    assert naive_hits / 150 < 0.6


def test_blocks_are_days_then_hours_then_runs() -> None:
    start = pd.Timestamp("2013-03-01", tz="UTC")

    days = block_codes(100, pd.Series(start + pd.to_timedelta(np.arange(100) * 8, unit="h")))
    hours = block_codes(100, pd.Series(start + pd.to_timedelta(np.arange(100), unit="h")))
    runs = block_codes(1000, pd.Series(start + pd.to_timedelta(np.arange(1000), unit="s")))

    assert (days[1], int(days[0].max()) + 1) == ("days", 34)
    assert (hours[1], int(hours[0].max()) + 1) == ("hours", 100)
    assert runs[1] == "runs of 10 rows"


def test_ten_rows_have_no_interval_and_say_why() -> None:
    found = intervals(Task.REGRESSION, np.arange(10.0), np.zeros(10), Resamples(np.arange(10)))

    assert all(isinstance(one, Unknown) for one in found.values())
    assert str(found["rmse"]) == "unknown: 10 rows make 10 blocks, an interval needs 20"


def test_the_same_draws_make_a_small_difference_sure() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(0, 10, 2000)
    mine, theirs = truth + generator.normal(0, 1, 2000), truth + generator.normal(0, 1.2, 2000)
    resamples = Resamples(np.arange(2000), count=300)
    metric = MetricName.RMSE

    draws = resamples.ask(
        {"mine": scorer(Task.REGRESSION, truth, mine), "theirs": scorer(Task.REGRESSION, truth, theirs)}
    )
    gains = interval_of(draws["theirs"][metric] - draws["mine"][metric])
    sure = compare(metric, 1.0, 1.2, "production v1", gains)
    unsure = compare(metric, 1.0, 1.001, "production v1", Interval(-0.02, 0.022))
    behind = compare(MetricName.AUC, 0.70, 0.72, "the baseline", Interval(-0.03, -0.01))

    assert sure.significant is True
    assert sure.says.startswith("beats production v1 by .200 rmse, outside ± ")
    assert unsure.says.endswith("inside ± .021: not significant")
    assert behind.says == "is behind the baseline by .020 auc, outside ± .010: significant"


def test_a_verdict_without_an_interval_says_so() -> None:
    verdict = compare(MetricName.AUC, 0.7, 0.6, "the baseline", Unknown("10 rows make 2 blocks"))

    assert verdict.significant is None
    assert verdict.says == "beats the baseline by .100 auc, interval unknown: 10 rows make 2 blocks"
    assert "nan" not in str(compare(MetricName.AUC, float("nan"), 0.6, "the baseline", Unknown("x")).as_json())


@pytest.mark.speed
def test_a_thousand_resamples_of_thirty_thousand_rows_take_less_than_a_second() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random(30_000) < 0.25).astype(float)
    score = np.clip(truth * 0.1 + generator.random(30_000) * 0.9, 0, 1)
    codes = np.arange(30_000) // 1000

    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        Resamples(codes, count=1000).ask({"model": scorer(Task.BINARY, truth, score, only="auc")})
        seconds.append(time.perf_counter() - begun)

    assert min(seconds) < 1
