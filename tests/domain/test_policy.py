"""When an alert may start a retrain."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.policy import RetrainState, Trigger, decide
from app.domain.project import Feedback

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RULES = Feedback(retrain_on=("auc",), cool_down_hours=24, minimum_new_labels=100)
READY = RetrainState(new_labels=28_000)


@pytest.mark.parametrize(
    ("signal", "state", "acknowledged_until", "retrain", "word"),
    [
        ("auc", READY, None, True, "past its limit"),
        ("psi.temp", READY, None, False, "warning"),
        ("log_loss", READY, None, False, "only auc"),
        ("auc", RetrainState(NOW - timedelta(hours=23, minutes=59), (), 28_000), None, False, "cool-down"),
        ("auc", RetrainState(NOW - timedelta(hours=24), (), 28_000), None, True, "past its limit"),
        ("auc", RetrainState(None, ("run 7f3a",), 28_000), None, False, "under way"),
        ("auc", RetrainState(NOW - timedelta(days=9), ("run 7f3a",), 28_000), None, False, "7f3a"),
        ("auc", RetrainState(None, (), 99), None, False, "99 new labelled rows"),
        ("auc", RetrainState(None, (), 100), None, True, "100 labelled rows"),
        ("auc", READY, NOW + timedelta(minutes=1), False, "acknowledged until"),
        ("auc", READY, NOW, True, "past its limit"),
        ("auc", RetrainState(NOW + timedelta(hours=5), (), 28_000), None, False, "cool-down"),
        ("auc", RetrainState(NOW + timedelta(days=900), (), 28_000), None, True, "past its limit"),
    ],
)
def test_each_rule_says_its_own_reason(
    signal: str, state: RetrainState, acknowledged_until: datetime | None, retrain: bool, word: str
) -> None:
    verdict = decide(signal, RULES, state, now=NOW, acknowledged_until=acknowledged_until)

    assert verdict.retrain is retrain
    assert word in verdict.reason


def test_a_hundred_alerts_in_a_minute_make_one_retrain() -> None:
    state, verdicts = READY, []

    for second in range(100):
        verdict = decide("auc", RULES, state, now=NOW + timedelta(seconds=second * 0.6))
        verdicts.append(verdict.retrain)
        if verdict.retrain:
            state = RetrainState(NOW, ("decision d1",), 28_000)

    assert verdicts == [True] + [False] * 99


def test_replayed_months_retrain_once_each_when_there_is_no_cool_down() -> None:
    rules = RULES.model_copy(update={"cool_down_hours": 0.0})
    april = decide("auc", rules, READY, now=NOW)
    again = decide("auc", rules, RetrainState(NOW, (), 0), now=NOW + timedelta(minutes=1))
    may = decide("auc", rules, RetrainState(NOW, (), 28_000), now=NOW + timedelta(minutes=2))

    assert (april.retrain, again.retrain, may.retrain) == (True, False, True)


def test_a_project_that_names_no_signal_never_retrains_by_itself() -> None:
    verdict = decide("auc", Feedback(), READY, now=NOW)

    assert not verdict.retrain
    assert "only nothing" in verdict.reason


LOOP = Feedback(
    retrain_on=("auc",), growth=0.2, every_days=30, cool_down_hours=0, retrains_per_week=2, minimum_new_labels=100
)
READY_TO_LEARN = RetrainState(new_labels=900, learned_rows=1000, teachable_rows=300)


@pytest.mark.parametrize(
    ("trigger", "state", "retrain", "word"),
    [
        (Trigger.GROWTH, READY_TO_LEARN, True, "30 % more rows"),
        (Trigger.GROWTH, replace(READY_TO_LEARN, teachable_rows=150), False, "20 % are asked for"),
        (Trigger.GROWTH, replace(READY_TO_LEARN, learned_rows=None), False, "nobody knows"),
        (Trigger.SCHEDULE, READY_TO_LEARN, True, "every 30 days: it is time"),
        (Trigger.SCHEDULE, replace(READY_TO_LEARN, last_began=NOW - timedelta(days=29)), False, "every 30 days"),
        (Trigger.ALERT, replace(READY_TO_LEARN, failed_in_row=3), False, "the loop is broken"),
        (Trigger.ALERT, replace(READY_TO_LEARN, failed_in_row=2), True, "past its limit"),
        (Trigger.ALERT, replace(READY_TO_LEARN, began_this_week=2), False, "budget of 2 a week"),
        (Trigger.ALERT, replace(READY_TO_LEARN, teachable_rows=0), False, "all others are its exam"),
        (Trigger.HAND, replace(READY_TO_LEARN, failed_in_row=9, began_this_week=9), True, "a person asks"),
        (Trigger.HAND, replace(READY_TO_LEARN, under_way=("run a",)), False, "under way"),
    ],
)
def test_each_trigger_is_decided_with_its_own_reason(
    trigger: Trigger, state: RetrainState, retrain: bool, word: str
) -> None:
    verdict = decide("auc", LOOP, state, now=NOW, trigger=trigger)

    assert verdict.retrain is retrain
    assert word in verdict.reason
