"""The rules of a search: what to try next (Optuna), when to give a trial up, which one is best, when to stop.

The history is ours: a study is made anew from it before each suggestion, and its generator is seeded by the seed and
the trial's number, so that a search that was killed goes on exactly as it would have.
"""

import importlib
import math
import statistics
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from app.domain.problem import Direction
from app.domain.project import Learner, LearnerKind, Search
from app.domain.states import TrialState
from app.learning.learners import BASELINES, method_of
from app.learning.search.space import distributions_of, fixed_of, space_of

STARTUP = 5
"""Completed trials of a learner before others of it may be given up, and random ones before Optuna models them."""
WARMUP = 1 / 4
"""A trial is not given up in this first share of its rounds: slow learning rates begin low."""


@dataclass(frozen=True)
class Candidate:
    """A configuration to try."""

    learner: LearnerKind
    parameters: dict[str, Any]
    rounds: int
    seed: int
    balance: bool = False

    def as_learner(self) -> Learner:
        """The same as the section of a project file."""
        return Learner(
            kind=self.learner, rounds=self.rounds, parameters=self.parameters, seed=self.seed, balance=self.balance
        )


@dataclass(frozen=True)
class Tried:
    """What is known of an earlier trial; `curve` holds (share of its rounds, mean over the folds)."""

    number: int
    candidate: Candidate
    state: TrialState
    value: float | None = None
    standard_error: float | None = None
    rounds: int = 0
    curve: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def counts(self) -> bool:
        """Whether it has a finite value: a NaN is never best."""
        return self.state is TrialState.COMPLETED and self.value is not None and math.isfinite(self.value)


def first_candidates(search: Search, learner: Learner) -> list[Candidate]:
    """What is tried before anything is searched: the two baselines, and each learner as it is without tuning.

    The project's own learner is tried with the project's own hyperparameters.

    >>> [candidate.learner for candidate in first_candidates(Search(), Learner())]
    ['dummy', 'naive', 'lightgbm']
    """
    kinds = [*BASELINES, *(kind for kind in search.learners if kind not in BASELINES)]
    return [
        Candidate(
            kind,
            dict(learner.parameters) if kind == learner.kind else {},
            learner.rounds,
            learner.seed,
            learner.balance,
        )
        for kind in kinds
    ]


def load_early() -> None:
    """Load Optuna beside the first trials, which are not its own: it takes as long as a small fit."""
    threading.Thread(target=importlib.import_module, args=("optuna",), daemon=True).start()


def suggest(history: Sequence[Tried], search: Search, learner: Learner, direction: Direction) -> Candidate:
    """The next candidate; it depends on the history, the seed and the number of the trial, and on nothing else."""
    first = first_candidates(search, learner)
    if len(history) < len(first):
        return first[len(history)]
    import numpy as np
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(np.random.SeedSequence([search.seed, len(history)]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=len(search.learners) > 1, n_startup_trials=STARTUP
        )
        study = optuna.create_study(
            direction="maximize" if direction is Direction.HIGHER else "minimize", sampler=sampler
        )
        study.add_trials(_known(history, search))
        trial = study.ask()
        kinds = tuple(search.learners)
        kind: LearnerKind = (
            cast(LearnerKind, trial.suggest_categorical("learner", kinds)) if len(kinds) > 1 else kinds[0]
        )
        space = space_of(kind, search)
        found = dict(fixed_of(space))
        for name, distribution in distributions_of(kind, space).items():
            found[name.partition(".")[2]] = trial._suggest(name, distribution)
    own = dict(learner.parameters) if kind == learner.kind else {}
    return Candidate(kind, {**own, **found}, learner.rounds, learner.seed, learner.balance)


def _known(history: Sequence[Tried], search: Search) -> list[Any]:
    """The trials that lie in the spaces, as Optuna's; a pruned one counts with what it had when it was given up."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution

    spaces = {kind: distributions_of(kind, space_of(kind, search)) for kind in search.learners}
    found = []
    for tried in history:
        kind = tried.candidate.learner
        value = tried.value if tried.value is not None and math.isfinite(tried.value) else None
        if kind not in spaces or value is None:
            continue
        parameters: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        if len(search.learners) > 1:
            parameters["learner"], distributions["learner"] = kind, CategoricalDistribution(tuple(search.learners))
        for name, distribution in spaces[kind].items():
            held = tried.candidate.parameters.get(name.partition(".")[2])
            if held is None or not distribution._contains(distribution.to_internal_repr(held)):
                break
            parameters[name], distributions[name] = held, distribution
        else:
            found.append(optuna.trial.create_trial(params=parameters, distributions=distributions, value=value))
    return found


def hopeless(
    history: Sequence[Tried], learner: LearnerKind, curve: Sequence[tuple[float, float]], direction: Direction
) -> bool:
    """The median stopping rule (Golovin et al. 2017): worse so far than half of the learner's completed trials were.

    `curve` is what the trial has shown: (share of its rounds, mean over the folds).
    """
    share = curve[-1][0]
    rivals = [tried.curve for tried in history if tried.counts and tried.candidate.learner == learner and tried.curve]
    if len(rivals) < STARTUP or share < WARMUP or share >= 1:
        return False
    sign = 1.0 if direction is Direction.HIGHER else -1.0
    mine = max(sign * value for _, value in curve)
    theirs = [max((sign * v for s, v in rival if s <= share + 1e-9), default=-math.inf) for rival in rivals]
    return mine < statistics.median(theirs)


def best_of(history: Sequence[Tried], search: Search, direction: Direction, columns: int) -> Tried | None:
    """The best trial by the search's rule, baselines among them; the earlier one of two that are equal."""
    able = [tried for tried in history if tried.counts]
    if not able:
        return None
    sign = 1.0 if direction is Direction.HIGHER else -1.0
    top = max(able, key=lambda tried: (sign * float(tried.value or 0.0), -tried.number))
    if search.rule == "best":
        return top
    limit = sign * float(top.value or 0.0) - (top.standard_error or 0.0)
    near = [tried for tried in able if sign * float(tried.value or 0.0) >= limit]
    return min(near, key=lambda tried: (size_of(tried, columns), tried.number))


def size_of(tried: Tried, columns: int) -> float:
    """About how many numbers the model of a trial holds."""
    return method_of(tried.candidate.learner).size(tried.candidate.as_learner(), tried.rounds, columns)


def reason_to_stop(history: Sequence[Tried], search: Search, direction: Direction, elapsed_s: float) -> str:
    """Why no further trial begins, or nothing; baselines are no part of the budget of trials."""
    searched = [tried for tried in history if tried.candidate.learner not in BASELINES]
    ended = [tried for tried in searched if tried.state is not TrialState.RUNNING]
    if len(ended) >= search.trials:
        return f"{search.trials} trials are done"
    if search.minutes is not None and elapsed_s >= 60 * search.minutes:
        return f"{search.minutes:g} minutes are over"
    able = [tried for tried in searched if tried.counts]
    if not able:
        return ""
    sign = 1.0 if direction is Direction.HIGHER else -1.0
    best, since = -math.inf, 0
    for tried in ended:
        value = sign * tried.value if tried.counts and tried.value is not None else -math.inf
        if value > best + search.minimum_gain:
            best, since = value, 0
        elif tried.state in (TrialState.COMPLETED, TrialState.PRUNED):
            since += 1
    if search.good is not None and best >= sign * search.good:
        return f"good enough: {sign * best:.4f} reaches {search.good:g}"
    if search.patience is not None and since >= search.patience:
        return f"a plateau: {since} trials in a row were not better by {search.minimum_gain:g}"
    return ""


__all__ = [
    "Candidate",
    "Tried",
    "best_of",
    "first_candidates",
    "hopeless",
    "load_early",
    "reason_to_stop",
    "size_of",
    "suggest",
]
