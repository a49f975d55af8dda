"""The search: trials in a child, each a row as it comes; whatever ends it, it goes on after the last finished trial."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import update
from sqlmodel import col

from app.domain.project import Search
from app.domain.states import TrialState
from app.services.experiments.opening import Opened
from app.services.experiments.results import Divided
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store.tables import Experiment, Trial

if TYPE_CHECKING:
    from app.learning.search.bench import Answer, Bench
    from app.learning.search.study import Candidate, Tried

SHOWN_S = 0.5


@dataclass(frozen=True)
class Searched:
    """What a search came to: the best trial (None when none has a value), why it ended, what to look at."""

    key: str
    metric: str
    best: int | None
    learner: str | None
    parameters: dict[str, Any]
    rounds: int
    value: float | None
    standard_error: float | None
    first_value: float | None
    trials: int
    stopped: str
    edges: tuple[str, ...]

    @property
    def says(self) -> str:
        """The result in a line."""
        if self.best is None:
            return f"{self.trials} trials, none of them has a value"
        error = f" ± {self.standard_error:.4f}" if self.standard_error is not None else ""
        return f"trial {self.best} of {self.trials} ({self.learner}): {self.metric} {self.value:.4f}{error}"


def search(task: TaskContext, opened: Opened, divided: Divided) -> Searched:
    """Stage 3 of an experiment: try until a reason to stop; the test window is not among what the child is given."""
    from app.learning.openmp import usable_threads
    from app.learning.search.bench import Bench, Limits
    from app.learning.search.laid import Laid
    from app.learning.search.study import load_early, reason_to_stop, suggest

    rule, learner = opened.rule, task.run.project.file.learner
    history, direction = list(opened.history), opened.direction
    memory = int(rule.trial_memory_gb * 2**30) if rule.trial_memory_gb else None
    limits = Limits(60 * rule.trial_minutes, memory, task.run.threads(usable_threads()))
    laid = Laid.out(opened.question, opened.metric, opened.columns, divided.train, divided.train_target, opened.folds)
    begun, before_s = time.monotonic(), opened.spent_s
    load_early()
    try:
        with Bench(laid, limits) as bench:
            while not (stopped := reason_to_stop(history, rule, direction, before_s + time.monotonic() - begun)):
                candidate = suggest(history, rule, learner, direction)
                history.append(_tried(task, opened, bench, candidate, history))
    finally:
        laid.close()
    return _close(task, opened, history, stopped)


def _tried(task: TaskContext, opened: Opened, bench: Bench, candidate: Candidate, history: list[Tried]) -> Tried:
    """Run one trial: its row is there from the beginning, and final in one transaction at its end."""
    from app.learning.search.study import hopeless

    number = len(history)
    row = Trial(
        experiment_id=opened.experiment_id,
        number=number,
        run_id=task.run.run_id,
        state=TrialState.RUNNING,
        learner=candidate.learner,
        parameters=json.dumps(candidate.parameters, sort_keys=True, allow_nan=False),
        rounds_limit=candidate.rounds,
        seed=candidate.seed,
        balance=candidate.balance,
        started_at=now(),
    )
    with task.run.store.write() as session:
        session.add(row)
    curve: list[tuple[float, float]] = []
    shown = 0.0
    total = _total(opened.rule)

    def on_point(share: float, value: float | None) -> bool:
        if value is None:
            return True  # the trial itself says that it is NaN
        curve.append((share, value))
        return not (opened.rule.prune and hopeless(history, candidate.learner, curve, opened.direction))

    def on_wait() -> None:
        nonlocal shown
        share, says = 0.0, f"trial {number} ({candidate.learner})"
        if curve:
            share, value = curve[-1]
            says += f": {opened.metric} {value:.4f}"
            if time.monotonic() - shown > SHOWN_S:
                shown = time.monotonic()
                _write(task, opened, number, share=share, curve=json.dumps(curve), value=value)
        task.progress(number + share, total, says)

    answer = bench.run(candidate, on_point, on_wait)
    tried = _judged(number, candidate, answer)
    outcome = answer.outcome
    _write(
        task,
        opened,
        number,
        state=tried.state,
        value=tried.value,
        standard_error=tried.standard_error,
        rounds=tried.rounds if outcome else None,
        fold_values=json.dumps(list(outcome.values) if outcome else []),
        curve=json.dumps(list(tried.curve)),
        share=1.0 if tried.state is TrialState.COMPLETED else None,
        says=answer.says[:2000],
        peak_bytes=answer.peak_bytes or None,
        finished_at=now(),
        duration_s=answer.seconds,
    )
    if outcome is None:
        task.run.log(f"trial {number} ({candidate.learner}) failed: {answer.says}", level="warning")
    return tried


def _total(rule: Search) -> int:
    from app.learning.learners import BASELINES

    return rule.trials + len(BASELINES)


def _judged(number: int, candidate: Candidate, answer: Answer) -> Tried:
    import math

    from app.learning.search.study import Tried

    outcome = answer.outcome
    if outcome is None or not math.isfinite(outcome.value):
        return Tried(number, candidate, TrialState.FAILED)
    error = outcome.standard_error
    return Tried(
        number,
        candidate,
        TrialState.PRUNED if outcome.pruned else TrialState.COMPLETED,
        outcome.value,
        error if error is not None and math.isfinite(error) else None,
        outcome.rounds,
        outcome.curve,
    )


def _write(task: TaskContext, opened: Opened, number: int, **values: object) -> None:
    with task.run.store.write() as session:
        session.connection().execute(
            update(Trial)
            .where(col(Trial.experiment_id) == opened.experiment_id, col(Trial.number) == number)
            .values(**values)
        )


def _close(task: TaskContext, opened: Opened, history: list[Tried], stopped: str) -> Searched:
    """The best trial by the rule, what lies at an edge, and why it ended: one transaction with the task's end."""
    from app.learning.search.space import edges, space_of
    from app.learning.search.study import best_of
    from app.store import ledger

    best = best_of(history, opened.rule, opened.direction, len(opened.columns.names))
    at_edge: tuple[str, ...] = ()
    if best is not None and best.candidate.learner in opened.rule.learners:
        at_edge = edges(best.candidate.parameters, space_of(best.candidate.learner, opened.rule))
    first = next((t for t in history if t.number == 2), None)
    found = Searched(
        opened.key,
        opened.metric,
        best.number if best else None,
        best.candidate.learner if best else None,
        best.candidate.parameters if best else {},
        best.rounds if best else 0,
        best.value if best else None,
        best.standard_error if best else None,
        first.value if first else None,
        len(history),
        stopped,
        at_edge,
    )
    with task.run.store.write() as session:
        session.connection().execute(
            update(Experiment)
            .where(col(Experiment.id) == opened.experiment_id)
            .values(best=found.best, edges=json.dumps(at_edge), stopped=stopped, finished_at=now())
        )
        if best is not None and best.value is not None:
            ledger.log_metrics(session, task.run.run_id, _metrics(found))
        task.complete(session, says=f"{found.says}; {stopped}", inputs=[opened.ref])
    for says in at_edge:
        task.run.log(f"the best trial: {says}; a wider space may hold a better one", level="warning")
    return found


def _metrics(found: Searched) -> dict[str, float]:
    metrics = {"trials": float(found.trials)}
    if found.value is not None:
        metrics[f"cv.{found.metric}"] = found.value
    if found.standard_error is not None:
        metrics[f"cv.{found.metric}.se"] = found.standard_error
    return metrics


__all__ = ["Searched", "search"]
