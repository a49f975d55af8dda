"""One trial: a fit in each fold, grown side by side, judged on the rows that come after; runs in the child process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.errors import BadInput
from app.domain.problem import Direction, MetricName, Task
from app.domain.project import canonical_json
from app.learning.learners import balanced, curve_metrics, log_loss, method_of, quick_auc
from app.learning.learners.method import Columns, Floats, Growing, Prepared, Question, Rows
from app.learning.search.folds import Fold
from app.learning.search.study import Candidate

CHECKPOINTS = 20
PATIENCE = 4
"""Checkpoints without a better mean after which no more rounds are added."""
PINBALL = "pinball"

Report = Callable[[float, float], bool]
"""Called with (share of the rounds, mean over the folds); gives False when the trial is to be given up."""


@dataclass(frozen=True)
class Outcome:
    """What a trial came to: the metric in each fold, at the round where their mean is best."""

    values: tuple[float, ...]
    rounds: int
    curve: tuple[tuple[float, float], ...]
    pruned: bool = False

    @property
    def value(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float | None:
        """Of that mean, from the spread over the folds."""
        if len(self.values) < 2:
            return None
        return float(np.std(self.values, ddof=1) / np.sqrt(len(self.values)))


@dataclass
class Material:
    """All training rows with the folds through them, and what was prepared from them: once a search, not a trial."""

    question: Question
    metric: str
    columns: Columns
    matrix: Floats = field(repr=False)
    target: Floats = field(repr=False)
    folds: Sequence[Fold] = field(repr=False)
    threads: int = 1
    _prepared: dict[tuple[str, str, bool, int], Prepared] = field(default_factory=dict, repr=False)

    @property
    def direction(self) -> Direction:
        """Which way the metric is better."""
        return direction_of(self.metric)

    def prepared(self, candidate: Candidate, fold: int) -> Prepared:
        """Rows of a fold made ready for a learner; the same object for every trial that needs the same."""
        method, learner = method_of(candidate.learner), candidate.as_learner()
        key = (candidate.learner, canonical_json(dict(method.preparation(learner))), candidate.balance, fold)
        if key not in self._prepared:
            train, valid = self.folds[fold].train, self.folds[fold].valid
            target = self.target[train]
            weights = balanced(target) if candidate.balance and self.question.classes else None
            rows = Rows(_rows_at(self.matrix, train), target, weights)
            self._prepared[key] = method.prepare(
                self.question, self.columns, rows, _rows_at(self.matrix, valid), learner
            )
        return self._prepared[key]

    def score(self, fold: int, predicted: Floats) -> float:
        """The metric on the rows that a fold is judged by; raises BadInput for predictions that are not finite."""
        return score(self.metric, self.question, self.target[self.folds[fold].valid], predicted)


def direction_of(metric: str) -> Direction:
    """Which way a metric is better, the pinball loss of a quantile among them."""
    return Direction.LOWER if metric == PINBALL else MetricName(metric).direction


def score(metric: str, question: Question, truth: Floats, predicted: Floats) -> float:
    """One metric of predictions; raises BadInput when a prediction is NaN or infinite.

    >>> score("rmse", Question(Task.REGRESSION), np.array([1.0]), np.array([3.0]))
    2.0
    """
    if not np.isfinite(predicted).all():
        raise BadInput("the model predicts NaN or infinity", next_step="change learner.parameters")
    if metric == "auc":
        return quick_auc(truth, predicted)
    if metric == "log_loss":
        return log_loss(truth, predicted)
    quick = curve_metrics(question, truth, predicted) if question.task is Task.REGRESSION else {}
    if metric in quick:
        return quick[metric]
    from app.learning.evaluate import evaluate

    return evaluate(question.task, truth, predicted)[metric]


def run_trial(material: Material, candidate: Candidate, report: Report) -> Outcome:
    """Fit in every fold and judge; raises BadInput for hyperparameters that the learner refuses, and for NaN."""
    method, learner = method_of(candidate.learner), candidate.as_learner()
    method.check(material.question, learner)
    count = len(material.folds)
    first = material.prepared(candidate, 0).begin(learner, material.threads)
    if first.stepwise:
        others = [material.prepared(candidate, at).begin(learner, material.threads) for at in range(1, count)]
        return _side_by_side(material, [first, *others], report)
    return _one_by_one(material, candidate, first, report)


def _side_by_side(material: Material, fits: Sequence[Growing], report: Report) -> Outcome:
    """Grow all folds from checkpoint to checkpoint; the best mean says how many rounds are right."""
    sign = 1.0 if material.direction is Direction.HIGHER else -1.0
    total = fits[0].total
    curve: list[tuple[float, float]] = []
    best: tuple[float, int, tuple[float, ...]] = (-np.inf, 0, ())
    idle, pruned = 0, False
    for until in checkpoints(total):
        finished = [fit.grow(until) for fit in fits]
        values = tuple(material.score(at, fit.watched()) for at, fit in enumerate(fits))
        mean = float(np.mean(values))
        curve.append((until / total, mean))
        if not np.isfinite(mean):
            raise BadInput(f"{material.metric} is {mean} after {until} rounds", next_step="change learner.parameters")
        better = sign * mean > best[0]
        best, idle = ((sign * mean, until, values), 0) if better else (best, idle + 1)
        if not report(*curve[-1]):
            pruned = True
            break
        if all(finished) or idle >= PATIENCE:
            break
    return Outcome(best[2], best[1], tuple(curve), pruned)


def _one_by_one(material: Material, candidate: Candidate, first: Growing, report: Report) -> Outcome:
    """Fold after fold, for a learner whose fit is one step; a curve that it can tell afterwards chooses the rounds."""
    sign = 1.0 if material.direction is Direction.HIGHER else -1.0
    count, learner = len(material.folds), candidate.as_learner()
    stages: list[dict[int, float]] = []
    curve: list[tuple[float, float]] = []
    pruned = False
    for at in range(count):
        fit = first if at == 0 else material.prepared(candidate, at).begin(learner, material.threads)
        fit.grow(fit.total)
        told = fit.curve() or [(fit.done, fit.watched())]
        stages.append({step: material.score(at, predicted) for step, predicted in told})
        step = _best_step(stages, sign)
        curve.append(((at + 1) / count, float(np.mean([stage[step] for stage in stages]))))
        if not report(*curve[-1]):
            pruned = at + 1 < count
            break
    step = _best_step(stages, sign)
    return Outcome(tuple(stage[step] for stage in stages), step, tuple(curve), pruned)


def _best_step(stages: Sequence[dict[int, float]], sign: float) -> int:
    steps = sorted(set.intersection(*(set(stage) for stage in stages)))
    return max(steps, key=lambda step: (sign * float(np.mean([stage[step] for stage in stages])), -step))


def checkpoints(total: int) -> list[int]:
    """About twenty rounds at which a trial is judged, the last one among them.

    >>> checkpoints(3), checkpoints(300)[:3], checkpoints(300)[-1]
    ([1, 2, 3], [15, 30, 45], 300)
    """
    every = max(1, total // CHECKPOINTS)
    return [*range(every, total, every), total]


def _rows_at(matrix: Floats, places: "np.ndarray[Any, Any]") -> Floats:
    """Some rows, in column order; without a second copy where they lie side by side."""
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return np.asfortranarray(matrix[int(places[0]) : int(places[-1]) + 1])
    return np.asfortranarray(matrix[places])


__all__ = ["PINBALL", "Material", "Outcome", "checkpoints", "direction_of", "run_trial", "score"]
