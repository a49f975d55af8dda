"""When an alert may start a retrain: a pure rule with its reason in words; drift is a warning, not damage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.project import Feedback


@dataclass(frozen=True)
class RetrainState:
    """What is known, at the moment of a decision, about the retrains of a project.

    `last_began` is the moment (wall clock) at which the last retrain was asked for, whatever became of it; `under_way`
    names runs and decisions that have not ended; `new_labels` counts labelled rows that no training has seen yet.
    """

    last_began: datetime | None = None
    under_way: Sequence[str] = ()
    new_labels: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether to retrain, and why or why not."""

    retrain: bool
    reason: str


def decide(
    signal: str,
    feedback: Feedback,
    state: RetrainState,
    *,
    now: datetime,
    acknowledged_until: datetime | None = None,
) -> Verdict:
    """Decide whether the alert of `signal` starts a retrain; times are aware and of the wall clock, not of the data.

    The cool-down counts from the moment the last retrain was asked for, so that months replayed in minutes and months
    lived are under the same rule: a project that wants one retrain for each arrival sets `cool_down_hours = 0` and is
    then held back by open runs and by the number of new labels alone.

    >>> from datetime import UTC
    >>> rules = Feedback(retrain_on=("auc",), cool_down_hours=24, minimum_new_labels=100)
    >>> moment = datetime(2026, 5, 1, tzinfo=UTC)
    >>> decide("auc", rules, RetrainState(new_labels=28_000), now=moment).retrain
    True
    >>> print(decide("psi.temp", rules, RetrainState(new_labels=28_000), now=moment).reason)
    psi.temp is a warning: only auc may start a retrain
    """
    if signal not in feedback.retrain_on:
        allowed = ", ".join(feedback.retrain_on) or "nothing"
        return Verdict(False, f"{signal} is a warning: only {allowed} may start a retrain")
    if acknowledged_until is not None and now < acknowledged_until:
        return Verdict(False, f"the alert is acknowledged until {acknowledged_until:%Y-%m-%d %H:%M} UTC")
    if state.under_way:
        return Verdict(False, f"a retrain is under way already ({', '.join(state.under_way)})")
    if state.last_began is not None:
        ready_at = state.last_began + timedelta(hours=feedback.cool_down_hours)
        if now < ready_at:
            return Verdict(
                False,
                f"cool-down of {feedback.cool_down_hours:g} h: the last retrain began at "
                f"{state.last_began:%Y-%m-%d %H:%M} UTC, the next may at {ready_at:%Y-%m-%d %H:%M} UTC",
            )
    if state.new_labels < feedback.minimum_new_labels:
        return Verdict(
            False,
            f"{state.new_labels:,} new labelled rows since the last training, "
            f"at least {feedback.minimum_new_labels:,} are asked for",
        )
    return Verdict(True, f"{signal} is past its limit, and {state.new_labels:,} labelled rows are new")


__all__ = ["RetrainState", "Verdict", "decide"]
