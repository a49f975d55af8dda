"""Paired comparison: intervals of gains on shared draws, and what counts as the same rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from app.domain.errors import Damaged
from app.domain.problem import MetricName, Task
from app.learning.bootstrap import Interval
from app.learning.judged import Judged, judged_rows
from app.learning.metrics import auc
from app.learning.paired import Answers, Floats, answers_in, gain_over

DAYS, A_DAY = 40, 25


def chance(score: Floats) -> Floats:
    """Scores as probabilities."""
    return 1 / (1 + np.exp(-score))


def made(seed: int = 3) -> tuple[Answers, Answers]:
    """Two models that err alike; the second one sees a little more."""
    generator = np.random.default_rng(seed)
    rows = DAYS * A_DAY
    moments = np.repeat(np.arange(DAYS) * 86_400 + 1_356_998_400, A_DAY)
    weather = np.repeat(generator.normal(size=DAYS), A_DAY)
    signal = generator.normal(size=rows)
    truth = (signal + weather + 0.5 * generator.normal(size=rows) > 0).astype(np.float64)
    common = signal + 0.8 * generator.normal(size=rows)
    first = Answers(Task.BINARY, truth, chance(common + 0.4 * generator.normal(size=rows)), moments, rows)
    return first, replace(first, predicted=chance(common))


def test_the_interval_is_that_of_days_drawn_again_for_both_models_at_once() -> None:
    poor, good = made()
    generator = np.random.default_rng(11)
    places = np.arange(DAYS * A_DAY).reshape(DAYS, A_DAY)
    gains = []
    for _ in range(600):
        drawn = places[generator.integers(0, DAYS, DAYS)].ravel()
        gains.append(auc(poor.truth[drawn], good.predicted[drawn]) - auc(poor.truth[drawn], poor.predicted[drawn]))
    low, high = np.quantile(gains, [0.025, 0.975])

    found, block = gain_over(poor, good, MetricName.AUC, against="poor", resamples=1000)

    interval = found.interval
    assert isinstance(interval, Interval)
    assert block == "days"
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.15 * (high - low))
    assert found.significant
    assert found.gain == pytest.approx(auc(good.truth, good.predicted) - auc(poor.truth, poor.predicted))


def test_many_comparisons_have_wider_intervals_so_that_all_hold_together() -> None:
    poor, good = made()

    alone, _ = gain_over(poor, good, MetricName.AUC, against="poor")
    among, _ = gain_over(poor, good, MetricName.AUC, against="poor", among=8)

    assert isinstance(one := alone.interval, Interval)
    assert isinstance(other := among.interval, Interval)
    assert other.half > 1.2 * one.half


def test_a_model_against_itself_gains_nothing() -> None:
    poor, _ = made()

    found, _ = gain_over(poor, poor, MetricName.LOG_LOSS, against="poor")

    assert found.says == "equals poor in log loss"
    assert not found.significant


def test_rows_are_read_back_without_a_frame_and_other_rows_are_told_apart() -> None:
    frame = pd.DataFrame({"at": pd.date_range("2013-04-01", periods=30, freq="h", tz="UTC"), "wind": np.arange(30.0)})
    truth, predicted = np.tile([0.0, 1.0], 15), np.linspace(0, 1, 30)
    kept = judged_rows(Task.BINARY, frame, ["at", "wind"], truth, predicted, np.full(30, 0.5))
    whole = Judged.of_bytes(kept.content)

    found = answers_in(kept.content, "at")

    assert found.predicted.tolist() == whole.predicted.tolist()
    assert found.moments is not None
    assert pd.Timestamp(found.moments[1], unit="s", tz="UTC") == frame["at"][1]
    assert found.same_rows(answers_in(kept.content, "at"))
    assert not found.same_rows(replace(found, moments=found.moments + 1))
    assert not found.same_rows(replace(found, truth=1 - found.truth))
    assert not found.same_rows(answers_in(kept.content, None))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a file at all, but long enough"])
def test_rows_that_cannot_be_read_are_damaged(content: bytes) -> None:
    with pytest.raises(Damaged, match="the stored test rows cannot be read"):
        answers_in(content, "at")
