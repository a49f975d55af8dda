"""Policies over a made history: what is decided, and that nobody can look ahead."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from app.domain.problem import MetricName, Task
from app.domain.project import Charter, Feedback, Gates, Problem
from app.services.backtest.history import Floats, History, Known, Lesson, LookAhead
from app.services.backtest.judging import judge_policy
from app.services.backtest.simulating import Policy, Step, run_policy

MONTHS, ROWS = 8, 900
LIMITS = {"auc": 0.7}
RULES = Feedback(retrain_on=("auc",), growth=0.15, refit=True, cool_down_hours=0)
PROBLEM = Problem(task=Task.BINARY, target="late", event_time="at", label_time="known")


def made(late_labels: int = 0, seed: int = 1) -> History:
    """Eight months of rows in which half are positive; the last `late_labels` labels of each month land a month on."""
    random = np.random.default_rng(seed)
    parts = []
    for month in range(MONTHS):
        begin = pd.Timestamp(2013, 1, 1, tz="UTC") + pd.DateOffset(months=month)
        at = begin + pd.to_timedelta(np.linspace(0, 27 * 86_400, ROWS), unit="s")
        known = pd.Series(at) + pd.Timedelta(hours=1)
        if late_labels:
            known.iloc[-late_labels:] += pd.Timedelta(days=31)
        parts.append(pd.DataFrame({"at": at, "known": known}))
    frame = pd.concat(parts, ignore_index=True)
    return History(frame, (random.random(len(frame)) < 0.5).astype(float), PROBLEM)


def scores_of(history: History) -> Callable[[Lesson, int], Floats]:
    """Models that get better with every month they have learned from, whatever the labels of later months."""

    def scores(lesson: Lesson, month: int) -> Floats:
        rows = history.rows_of(month)
        noise = np.random.default_rng(100 + month).normal(size=len(rows))
        strength = 0.25 * lesson.until
        return np.asarray(1 / (1 + np.exp(-(strength * (history.truth[rows] - 0.5) * 2 + noise))))

    return scores


def follow(history: History, policy: Policy) -> list[Step]:
    """The steps of a policy over all months but the first three."""
    months = range(3, MONTHS)
    return run_policy(
        policy, history, scores_of(history), LIMITS, months=months, metric=MetricName.AUC, gates=Gates(confidence=0.9)
    )


def test_a_policy_retrains_when_there_is_something_to_learn_and_serves_the_next_month_with_it() -> None:
    steps = follow(made(), Policy("own", RULES))

    assert [step.served.until for step in steps] == [3, 3, 5, 5, 7]
    assert [step.promoted for step in steps] == [None, True, None, True, None]
    assert all(step.decisions for step in steps[:-1])
    assert "0 % more rows" in steps[0].decisions[-1][2]


def test_never_changes_nothing_and_monthly_changes_every_month() -> None:
    history = made()

    never, monthly = follow(history, Policy("never")), follow(history, Policy("all", every_month=True))

    assert {step.served.until for step in never} == {3}
    assert [step.served.until for step in monthly] == [3, 4, 5, 6, 7]


def test_labels_of_a_month_and_later_ones_cannot_change_who_serves_it() -> None:
    history = made()
    before = [step.served for step in follow(history, Policy("own", RULES))]

    for month in range(4, MONTHS):
        changed = made()
        for later in range(month, MONTHS):
            rows = changed.rows_of(later)
            changed.truth[rows] = 1 - changed.truth[rows]
        after = [step.served for step in follow(changed, Policy("own", RULES))]
        assert after[: month - 3 + 1] == before[: month - 3 + 1], history.name(month)


def test_asking_for_what_is_not_known_yet_is_an_error() -> None:
    history = made()
    known = Known(history, scores_of(history), 4)

    with pytest.raises(LookAhead, match="is not over"):
        known.exam(Lesson(3), month=5)
    with pytest.raises(LookAhead, match="has learned from 2013-05"):
        known.exam(Lesson(5))
    with pytest.raises(LookAhead):
        known.rows(Lesson(6))


def test_labels_that_have_not_landed_are_in_no_exam_and_in_no_lesson() -> None:
    history = made(late_labels=300)

    truth, _, _ = Known(history, scores_of(history), 4).exam(Lesson(4))

    assert len(truth) == ROWS - 300
    assert len(history.lesson_rows(Lesson(4))) == 4 * ROWS - 300


def test_the_result_counts_alarms_retrains_and_refusals_and_sums_the_value() -> None:
    history = made()
    charter = Charter(goal="g", kpi="k", owner="o", value_of_right=2.0, cost_of_wrong=1.0)

    found = judge_policy("own", follow(history, Policy("own", RULES)), history, scores_of(history), charter)

    assert (found.retrains, found.refused) == (2, 0)
    assert found.value == pytest.approx(sum(month.value for month in found.months))
    assert found.alarms >= found.false_alarms
