"""The back-test of a project: its stored history, the policies that are compared, and what each was worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.domain.errors import BadInput, Refused, Usage
from app.domain.problem import Task
from app.domain.project import Feedback
from app.services.backtest.judging import PolicyResult, judge_policy
from app.services.backtest.simulating import SKILL, Policy, run_policy
from app.services.workspaces import OpenProject

if TYPE_CHECKING:
    from app.services.backtest.history import History
    from app.services.features import FeatureColumn
    from app.store.engine import Store

FIRST_MONTHS = 3
SLACK = timedelta(hours=24)
NEVER, BEST = "never", "monthly-all"


@dataclass(frozen=True)
class Asked:
    """Which months are judged (such as 2013-04; None: the fourth to the last whole one), and changes to a policy.

    `changes` are fields of `[feedback]`; with `windows` the project's policy is tried with each of those windows too
    (months; 0 is all history).
    """

    begin: str | None = None
    end: str | None = None
    changes: Mapping[str, object] | None = None
    windows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Backtest:
    """Policies over the same months; shares: how much of what the costly best gains over never each gains."""

    project: str
    first_month: str
    last_month: str
    policies: tuple[PolicyResult, ...]
    share_of_gain: dict[str, dict[str, float]]
    fits: int
    seconds: float
    unit: str

    @property
    def own(self) -> PolicyResult:
        """The project's own policy."""
        return next(one for one in self.policies if one.policy == self.project)


def backtest(
    store: Store, project: OpenProject, asked: Asked | None = None, *, told: Callable[[str], None] = lambda _: None
) -> Backtest:
    """Lead never, two monthly policies and the project's own through stored history; writes only cached scores.

    Errors: NotFound without features, Refused for a project without event times or with another task than binary,
    BadInput for too short a history, Usage for an unknown month or change.
    """
    from app.services.backtest.fits import Fits

    asked, began = asked or Asked(), time.monotonic()
    file = project.file
    if file.problem.event_time is None or file.problem.task is not Task.BINARY:
        raise Refused(
            "a back-test replays months of a binary problem with event times",
            next_step="set problem.event_time in project.toml",
        )
    rules = _changed(file.feedback, asked.changes or {})
    history, features, classes, digest = _history(store, project, told)
    months = _months(history, asked)
    fits = Fits(
        history, file, features, classes,
        digest=digest, folder=project.workspace.state / "backtest", told=told,
    )  # fmt: skip
    known = {"auc", "log_loss", SKILL}
    limits = {str(name): limit for name, limit in file.monitoring.limits.items() if str(name) in known}
    policies = [
        Policy(NEVER),
        Policy("monthly-2", every_month=True, months=2),
        Policy(BEST, every_month=True),
        Policy(file.name, rules),
        *(
            Policy(f"{file.name}, {f'{window} months' if window else 'all history'}", _window(rules, window))
            for window in asked.windows
        ),
    ]
    results = []
    for policy in policies:
        told(f"policy {policy.name}")
        steps = run_policy(
            policy, history, fits.scores, limits, months=months, metric=file.problem.judged_by, gates=file.gates
        )
        results.append(judge_policy(policy.name, steps, history, fits.scores, file.charter))
    return Backtest(
        file.name,
        history.name(months[0]),
        history.name(months[-1]),
        tuple(results),
        _shares(results),
        fits.made,
        round(time.monotonic() - began, 1),
        "value_of_right and cost_of_wrong of the charter, over all judged rows",
    )


def _window(rules: Feedback, months: int) -> Feedback:
    return rules.model_copy(update={"train_months": months or None})


def _changed(rules: Feedback, changes: Mapping[str, object]) -> Feedback:
    from pydantic import ValidationError

    try:
        return Feedback.model_validate({**rules.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Usage(
            f"feedback.{'.'.join(map(str, first['loc']))}: {first['msg']}",
            next_step="trainmaster monitor backtest --set growth=0.2",
        ) from None


def _history(
    store: Store, project: OpenProject, told: Callable[[str], None]
) -> tuple[History, list[FeatureColumn], list[str], str]:
    from app.learning import encode
    from app.services.backtest.history import History
    from app.services.experiments.preparing import find_feature_set
    from app.services.features import training_frame
    from app.services.registry.packages import find_project

    problem = project.file.problem
    with store.read() as session:
        features = find_feature_set(session, find_project(session, project.name).id or 0, project.name, None)
    told(f"reading features v{features.version}")
    rows = training_frame(store, project, features.id or 0)
    classes = encode.learn_classes(rows.frame[problem.target], problem.task)
    truth = encode.encode_target(rows.frame[problem.target], problem.task, classes)
    return History(rows.frame, truth, problem), list(rows.features), list(classes), features.digest


def _months(history: History, asked: Asked) -> list[int]:
    """The judged months, consecutive; the first has the months before it to learn from, the last is whole."""
    names = [history.name(at) for at in range(len(history))]
    whole = len(history) if history.times.max() >= history.begin(len(history)) - SLACK else len(history) - 1
    first = FIRST_MONTHS if asked.begin is None else _place(names, asked.begin)
    last = whole - 1 if asked.end is None else _place(names, asked.end)
    if first < 2 or last - first < 1:
        raise BadInput(
            f"the history has {whole} whole months: a back-test learns from two at least, and judges two at least",
            next_step="trainmaster data ls",
        )
    return list(range(first, last + 1))


def _place(names: list[str], month: str) -> int:
    if month not in names:
        raise Usage(f"{month!r} is not a month of the history", next_step=f"choose from {names[0]} to {names[-1]}")
    return names.index(month)


def _shares(results: list[PolicyResult]) -> dict[str, dict[str, float]]:
    by_name = {one.policy: one for one in results}
    never, best = by_name[NEVER], by_name[BEST]
    loss, auc = never.mean_log_loss - best.mean_log_loss, best.mean_auc - never.mean_auc
    return {
        one.policy: {
            "log_loss": (never.mean_log_loss - one.mean_log_loss) / loss if loss else 0.0,
            "auc": (one.mean_auc - never.mean_auc) / auc if auc else 0.0,
        }
        for one in results
    }


__all__ = ["Asked", "Backtest", "backtest"]
