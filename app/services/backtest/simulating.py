"""One policy led through history: at the end of each month it sees what was known then, and decides for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from app.domain.gates import Evidence, GateVerdict, judge
from app.domain.policy import WEEK, RetrainState, Trigger, decide, settle
from app.domain.pricing import gain_of, level_for
from app.domain.problem import Direction, MetricName, Task, at_least, at_most
from app.domain.project import Feedback, Gates
from app.services.backtest.history import Floats, Known, Lesson

if TYPE_CHECKING:
    from app.services.backtest.history import History, Scores

RESAMPLES = 500
SKILL = "skill"


@dataclass(frozen=True)
class Policy:
    """A named way to answer the end of a month: by the rules of `feedback`, or every month without asking.

    With `every_month` production is fitted again at the end of each month on the last `months` (None: all), and nobody
    judges it.
    """

    name: str
    feedback: Feedback | None = None
    every_month: bool = False
    months: int | None = None


@dataclass(frozen=True)
class Step:
    """The end of one month under a policy: what was seen, what was decided, and what serves the next month."""

    month: int
    served: Lesson
    values: Mapping[str, float]
    alarms: tuple[str, ...]
    decisions: tuple[tuple[str, bool, str], ...] = ()
    exam: GateVerdict | None = None
    promoted: bool | None = None
    says: str = ""


@dataclass
class _Loop:
    """What the loop remembers from one month to the next."""

    production: Lesson
    began: list[datetime] = field(default_factory=list)
    failed_in_row: int = 0
    trained_until: int = 0


def run_policy(
    policy: Policy,
    history: History,
    scores: Scores,
    limits: Mapping[str, float],
    *,
    months: Sequence[int],
    metric: MetricName,
    gates: Gates,
) -> list[Step]:
    """Lead a policy through the months of `months` (consecutive); the first is served by a model of all months before.

    All that the policy learns of a month comes from a `Known` of that month. The last month's end decides nothing:
    no month would be judged by it.
    """
    loop = _Loop(Lesson(months[0]), trained_until=months[0])
    steps = []
    for month in months:
        known = Known(history, scores, month)
        step = _watch(known, loop.production, limits)
        if month != months[-1]:
            step = _answer(policy, known, loop, step, metric, gates)
        steps.append(step)
    return steps


def _watch(known: Known, production: Lesson, limits: Mapping[str, float]) -> Step:
    """Quality of production in the month that just ended, on the labels that have landed."""
    truth, (given,), _ = known.exam(production)
    values = measured(truth, given, known.share_before())
    alarms = []
    for name, limit in limits.items():
        if name not in values or not np.isfinite(values[name]):
            continue
        higher = name == SKILL or MetricName(name).direction is Direction.HIGHER
        if not (at_least if higher else at_most)(values[name], limit):
            alarms.append(name)
    return Step(known.month, production, values, tuple(alarms))


def measured(truth: Floats, given: Floats, naive: float) -> dict[str, float]:
    """AUC, log-loss, and the skill: the share of a naive forecast's log-loss that the model takes away.

    >>> found = measured(np.array([0.0, 1.0]), np.array([0.5, 0.5]), 0.5)
    >>> found["skill"], round(found["log_loss"], 3)
    (0.0, 0.693)
    """
    from app.learning.learners import log_loss, quick_auc

    loss = log_loss(truth, given)
    return {
        "auc": quick_auc(truth, given),
        "log_loss": loss,
        SKILL: 1 - loss / log_loss(truth, np.full(len(truth), naive)),
    }


def _answer(policy: Policy, known: Known, loop: _Loop, step: Step, metric: MetricName, gates: Gates) -> Step:
    end = known.month + 1
    if policy.every_month:
        loop.production = Lesson(end, policy.months)
        return replace(step, promoted=True, says="fitted again, as every month")
    if policy.feedback is None:
        return step
    rules = policy.feedback
    decisions: list[tuple[str, bool, str]] = []
    asked: list[tuple[str, Trigger]] = [(name, Trigger.ALERT) for name in step.alarms]
    asked += [("growth", Trigger.GROWTH)] if rules.growth is not None else []
    asked += [("schedule", Trigger.SCHEDULE)] if rules.every_days is not None else []
    is_yes = False
    for name, trigger in asked:
        state = _state(known, loop, rules, is_yes)
        verdict = decide(name, rules, state, now=known.now, trigger=trigger)
        decisions.append((name, verdict.retrain, verdict.reason))
        is_yes = is_yes or verdict.retrain
    step = replace(step, decisions=tuple(decisions))
    return _retrain(rules, known, loop, step, metric, gates) if is_yes else step


def _state(known: Known, loop: _Loop, rules: Feedback, is_under_way: bool) -> RetrainState:
    began = [moment for moment in loop.began if moment > known.now - WEEK]
    learned = known.rows(loop.production)
    challenger = Lesson(known.month, rules.train_months)
    return RetrainState(
        last_began=max(loop.began) if loop.began else None,
        under_way=("this month's",) if is_under_way else (),
        new_labels=known.rows(Lesson(known.month + 1)) - known.rows(Lesson(loop.trained_until)),
        began_this_week=len(began),
        failed_in_row=loop.failed_in_row,
        learned_rows=learned,
        teachable_rows=known.rows(Lesson(challenger.until))
        - known.rows(Lesson(min(loop.production.until, known.month))),
    )


def _retrain(rules: Feedback, known: Known, loop: _Loop, step: Step, metric: MetricName, gates: Gates) -> Step:
    """A challenger that has not seen the newest month, judged on it; what wins is fitted again with that month."""
    challenger = Lesson(known.month, rules.train_months)
    exam = examined(known, challenger, loop.production, metric, gates, loop.failed_in_row + 1)
    verdict = settle(() if exam.passed else (exam.gate,), exam.says)
    loop.began.append(known.now)
    loop.trained_until = known.month + 1
    if not verdict.retrain:
        loop.failed_in_row += 1
        return replace(step, exam=exam, promoted=False, says=verdict.reason)
    loop.failed_in_row = 0
    loop.production = Lesson(known.month + 1, rules.train_months) if rules.refit else challenger
    return replace(step, exam=exam, promoted=True, says=verdict.reason)


def examined(
    known: Known, challenger: Lesson, production: Lesson, metric: MetricName, gates: Gates, attempt: int
) -> GateVerdict:
    """The gate `production` on the newest month: the gain over paired days, priced by the number of tries."""
    from app.learning.bootstrap import Resamples, block_codes
    from app.learning.metrics import scorer

    truth, (mine, theirs), places = known.exam(challenger, production)
    codes, _ = block_codes(len(truth), known.times_of(places))
    resamples = Resamples(codes, count=RESAMPLES)
    draws = resamples.ask({"mine": scorer(Task.BINARY, truth, mine), "theirs": scorer(Task.BINARY, truth, theirs)})
    ours, given = measured(truth, mine, 0.5), measured(truth, theirs, 0.5)
    pairs = zip(draws["mine"].get(metric, ()), draws["theirs"].get(metric, ()), strict=True)
    gain = gain_of(
        metric.gain(ours[metric], given[metric]),
        [metric.gain(float(one), float(other)) for one, other in pairs],
        level=level_for(gates.confidence, attempt),
        unknown=resamples.refusal,
    )
    evidence = Evidence(
        metric, ours, {}, given, "production", None, False, (), True, "", over_production=gain, attempt=attempt
    )
    return next(one for one in judge(evidence, gates) if one.gate == "production")


__all__ = ["Policy", "Step", "examined", "measured", "run_policy"]
