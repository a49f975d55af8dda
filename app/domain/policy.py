"""When a retrain may start, and when what it made may go up: pure rules, each answer with its reason in words.

The live loop and the back-test ask the same functions. Drift is a warning, not damage; and a challenger that only might
be better stays where it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.project import Feedback

WEEK = timedelta(days=7)


class Trigger(StrEnum):
    """What asked for a retrain."""

    ALERT = "alert"
    GROWTH = "growth"
    SCHEDULE = "schedule"
    HAND = "hand"


@dataclass(frozen=True)
class RetrainState:
    """What is known, at the moment of a decision, about the retrains of a project.

    `last_began` is the moment (wall clock) at which the last retrain was asked for, whatever became of it, and
    `began_this_week` how many were in the last seven days; `under_way` names runs and decisions that have not ended;
    `new_labels` counts labelled rows that no training has seen yet. `learned_rows` are those that the production
    version learned from, and `teachable_rows` those that a challenger would learn from beyond them: its exam is held
    back. Either is None where nobody knows. `failed_in_row` counts challengers since one won, or since a person acted.
    """

    last_began: datetime | None = None
    under_way: Sequence[str] = ()
    new_labels: int = 0
    began_this_week: int = 0
    failed_in_row: int = 0
    learned_rows: int | None = None
    teachable_rows: int | None = None

    @property
    def growth(self) -> float | None:
        """New rows to learn from as a share of those that production learned from.

        >>> RetrainState(learned_rows=100, teachable_rows=25).growth
        0.25
        """
        if not self.learned_rows or self.teachable_rows is None:
            return None
        return self.teachable_rows / self.learned_rows


@dataclass(frozen=True)
class Verdict:
    """Whether to retrain (or to promote), and why or why not."""

    retrain: bool
    reason: str


def decide(
    signal: str,
    feedback: Feedback,
    state: RetrainState,
    *,
    now: datetime,
    acknowledged_until: datetime | None = None,
    trigger: Trigger = Trigger.ALERT,
) -> Verdict:
    """Decide whether a trigger starts a retrain; times are aware and of the wall clock, not of the data.

    `signal` is what alarmed, when an alert asks. The cool-down counts from the moment the last retrain was asked for,
    so that months replayed in minutes and months lived are under the same rule: a project that wants one retrain for
    each arrival sets `cool_down_hours = 0` and is then held back by open runs and by the number of new labels alone. A
    person's own wish is held back only by a retrain that is under way. A retrain that seems to begin later than the
    cool-down from now was written under a clock that has been set back since, and holds nothing back.

    >>> from datetime import UTC
    >>> rules = Feedback(retrain_on=("auc",), cool_down_hours=24, minimum_new_labels=100)
    >>> moment = datetime(2026, 5, 1, tzinfo=UTC)
    >>> decide("auc", rules, RetrainState(new_labels=28_000), now=moment).retrain
    True
    >>> print(decide("psi.temp", rules, RetrainState(new_labels=28_000), now=moment).reason)
    psi.temp is a warning: only auc may start a retrain
    """
    why, not_asked = _wish(signal, feedback, state, now, trigger)
    if not_asked:
        return Verdict(False, not_asked)
    if trigger is Trigger.ALERT and acknowledged_until is not None and now < acknowledged_until:
        return Verdict(False, f"the alert is acknowledged until {acknowledged_until:%Y-%m-%d %H:%M} UTC")
    if state.under_way:
        return Verdict(False, f"a retrain is under way already ({', '.join(state.under_way)})")
    held = "" if trigger is Trigger.HAND else _held_back(feedback, state, now)
    return Verdict(False, held) if held else Verdict(True, f"{why}, and {state.new_labels:,} labelled rows are new")


def _wish(signal: str, feedback: Feedback, state: RetrainState, now: datetime, trigger: Trigger) -> tuple[str, str]:
    """What asks for a retrain in words, and why it does not count as asking."""
    match trigger:
        case Trigger.ALERT:
            allowed = ", ".join(feedback.retrain_on) or "nothing"
            refused = (
                "" if signal in feedback.retrain_on else f"{signal} is a warning: only {allowed} may start a retrain"
            )
            return f"{signal} is past its limit", refused
        case Trigger.GROWTH:
            if feedback.growth is None:
                return "", "new rows start no retrain here (feedback.growth is not set)"
            grown = state.growth
            if grown is None:
                return "", "nobody knows how many rows production learned from"
            words = f"{grown * 100:.0f} % more rows than production learned from"
            return words, "" if grown >= feedback.growth else f"{words}, {feedback.growth * 100:.0f} % are asked for"
        case Trigger.SCHEDULE:
            if feedback.every_days is None:
                return "", "there is no schedule (feedback.every_days is not set)"
            words = f"every {feedback.every_days:g} days"
            last = state.last_began
            due = last is None or abs(now - last) >= timedelta(days=feedback.every_days)
            return (
                f"{words}: it is time",
                "" if due else f"{words}: the last retrain began at {last:%Y-%m-%d %H:%M} UTC",
            )
        case Trigger.HAND:
            return "a person asks for it", ""


def _held_back(feedback: Feedback, state: RetrainState, now: datetime) -> str:
    """Why an automatic retrain has to wait, or nothing."""
    if state.failed_in_row >= feedback.breaker_after:
        return (
            f"the loop is broken: {state.failed_in_row} challengers in a row failed, a person has to look "
            "(trainmaster feedback reset, or a retrain by hand)"
        )
    if state.last_began is not None:
        cool_down = timedelta(hours=feedback.cool_down_hours)
        ready_at = state.last_began + cool_down
        if abs(now - state.last_began) < cool_down:
            return (
                f"cool-down of {feedback.cool_down_hours:g} h: the last retrain began at "
                f"{state.last_began:%Y-%m-%d %H:%M} UTC, the next may at {ready_at:%Y-%m-%d %H:%M} UTC"
            )
    if feedback.retrains_per_week is not None and state.began_this_week >= feedback.retrains_per_week:
        return f"the budget of {feedback.retrains_per_week} a week is spent ({state.began_this_week} began)"
    if state.new_labels < feedback.minimum_new_labels:
        return (
            f"{state.new_labels:,} new labelled rows since the last training, "
            f"at least {feedback.minimum_new_labels:,} are asked for"
        )
    if state.teachable_rows is not None and state.teachable_rows < max(feedback.minimum_new_labels, 1):
        return (
            f"a challenger would learn from {max(state.teachable_rows, 0):,} rows that production does not know: "
            "all others are its exam"
        )
    return ""


def settle(failing: Sequence[str], says: str) -> Verdict:
    """Whether a challenger has earned production: every gate passed, the priced gain over production among them.

    >>> settle((), "auc 0.79 against 0.78: gain +0.01").retrain
    True
    >>> settle(("production",), "gain -0.01").reason
    'refused by production: gain -0.01'
    """
    if failing:
        return Verdict(
            False, f"refused by {', '.join(failing)}: {says}" if says else f"refused by {', '.join(failing)}"
        )
    return Verdict(True, says or "every gate passed")


@dataclass(frozen=True)
class TrainingRule:
    """What a training learns from beyond the project's split: the last months before the exam, and a second fit."""

    train_months: int | None = None
    refit: bool = False


def training_rule(parameters: Mapping[str, object], feedback: Feedback) -> TrainingRule:
    """The rule of a run: the policy's when a decision caused it, else what its parameters say.

    >>> training_rule({"decision": "d1"}, Feedback(train_months=6, refit=True))
    TrainingRule(train_months=6, refit=True)
    >>> training_rule({}, Feedback(train_months=6, refit=True))
    TrainingRule(train_months=None, refit=False)
    """
    if parameters.get("decision"):
        return TrainingRule(feedback.train_months, feedback.refit)
    months = parameters.get("train_months")
    return TrainingRule(
        months if isinstance(months, int) and not isinstance(months, bool) else None, parameters.get("refit") is True
    )


__all__ = ["RetrainState", "TrainingRule", "Trigger", "Verdict", "decide", "settle", "training_rule"]
