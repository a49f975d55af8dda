"""What a policy's choices were worth, judged after the fact on all labels: nothing here reaches a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.services.backtest.history import Floats, History, Lesson, Scores
from app.services.backtest.simulating import Step, measured

if TYPE_CHECKING:
    from app.domain.project import Charter


@dataclass(frozen=True)
class MonthResult:
    """One month under a policy: its quality, its worth in the charter's unit, and what its end brought."""

    month: str
    learned_until: str
    rows: int
    auc: float
    log_loss: float
    value: float
    alarms: tuple[str, ...]
    decisions: tuple[tuple[str, bool, str], ...]
    promoted: bool | None
    says: str


@dataclass(frozen=True)
class PolicyResult:
    """A policy over the judged months. `value` sums `charter.value_of_right` and `cost_of_wrong` over all rows.

    An alarm is a month whose end had one; it is false when a model fitted again on all history would not have had a
    better log-loss in the month after. The last month's alarm cannot be judged and is not called false.
    """

    policy: str
    alarms: int
    false_alarms: int
    retrains: int
    refused: int
    mean_log_loss: float
    mean_auc: float
    value: float
    months: tuple[MonthResult, ...]


def judge_policy(name: str, steps: Sequence[Step], history: History, scores: Scores, charter: Charter) -> PolicyResult:
    """Mean quality over the months (each month counts the same), and the sum of the value."""
    results = []
    false = 0
    for at, step in enumerate(steps):
        truth, given = _answers(history, scores, step.served, step.month)
        values = measured(truth, given, 0.5)
        results.append(
            MonthResult(
                history.name(step.month),
                f"{history.begin(step.served.until):%Y-%m-%d}",
                len(truth),
                values["auc"],
                values["log_loss"],
                worth(truth, given, charter.value_of_right, charter.cost_of_wrong),
                step.alarms,
                step.decisions,
                step.promoted,
                step.says,
            )
        )
        if step.alarms and at + 1 < len(steps):
            false += not _would_have_helped(history, scores, step)
    return PolicyResult(
        name,
        sum(bool(step.alarms) for step in steps),
        false,
        sum(step.promoted is not None for step in steps),
        sum(step.promoted is False for step in steps),
        float(np.mean([one.log_loss for one in results])),
        float(np.mean([one.auc for one in results])),
        float(np.sum([one.value for one in results])),
        tuple(results),
    )


def _would_have_helped(history: History, scores: Scores, step: Step) -> bool:
    after = step.month + 1
    truth, kept = _answers(history, scores, step.served, after)
    _, fresh = _answers(history, scores, Lesson(after), after)
    return measured(truth, fresh, 0.5)["log_loss"] < measured(truth, kept, 0.5)["log_loss"]


def _answers(history: History, scores: Scores, lesson: Lesson, month: int) -> tuple[Floats, Floats]:
    return history.truth[history.rows_of(month)], scores(lesson, month)


def worth(truth: Floats, given: Floats, value_of_right: float, cost_of_wrong: float) -> float:
    """What announcing every row that pays is worth: a row is announced when its expected worth is above zero.

    That is from a chance of cost / (value + cost) on; 0 when the charter names neither.

    >>> worth(np.array([1.0, 0.0, 0.0]), np.array([0.9, 0.5, 0.1]), 40.0, 8.0)
    32.0
    """
    if value_of_right + cost_of_wrong <= 0:
        return 0.0
    announced = given * value_of_right > (1 - given) * cost_of_wrong
    right = float(np.sum(truth[announced] == 1))
    return right * value_of_right - (float(np.sum(announced)) - right) * cost_of_wrong


__all__ = ["MonthResult", "PolicyResult", "judge_policy", "worth"]
