"""What each view earns and costs: the learner fitted again without it, judged on the same test rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput
from app.services.experiments.evaluating import resamples_of
from app.services.experiments.preparing import whole_parameter
from app.services.experiments.refitting import refit
from app.services.experiments.results import Divided
from app.services.running import TaskContext
from app.store import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.learning.metrics import Scorer
    from app.learning.verdict import Verdict


@dataclass(frozen=True)
class Ablation:
    """One view: what the metric is without it, what it earns (positive is good), and the seconds that it costs."""

    view: str
    features: int
    value: float
    verdict: Verdict
    seconds: float

    @property
    def says(self) -> str:
        """The sentence."""
        return f"the model with it {self.verdict.says}; it costs {self.seconds:+.2f} s of {self.features} features"


@dataclass(frozen=True)
class Ablated:
    """Every view, the one that earns most first, and the whole model's metric and seconds."""

    metric: str
    value: float
    seconds: float
    views: tuple[Ablation, ...]

    @property
    def says(self) -> str:
        """What is worth keeping, in one line."""
        idle = [one.view for one in self.views if one.verdict.significant is not True]
        return f"{len(self.views)} views, " + (
            f"no clear gain from {', '.join(idle)}" if idle else "each of them earns"
        )


def ablate(task: TaskContext, divided: Divided) -> Ablated:
    """Fit the whole model and one without each view, and keep metric, interval and seconds of each as metrics.

    Raises BadInput for a project with one view, which cannot be left out.
    """
    from app.learning.bootstrap import Unknown, interval_of
    from app.learning.verdict import compare, sign_of

    problem = task.run.project.file.problem
    places: dict[str, list[int]] = {}
    for at, feature in enumerate(divided.signature.features):
        places.setdefault(feature.view or "features", []).append(at)
    if len(places) < 2:
        raise BadInput(
            f"there is one view only ({', '.join(places)}): without it there is nothing to learn from",
            where="project.toml",
            next_step="declare features in several views",
        )
    metric = problem.judged_by
    whole, all_seconds, all_value = _fit(task, divided, None)
    task.progress(1, len(places) + 1, f"whole model: {metric} {all_value:.4f}")
    resamples, _ = resamples_of(task, divided)
    found = []
    for step, (view, left_out) in enumerate(places.items(), start=2):
        kept = [at for at in range(len(divided.signature.features)) if at not in left_out]
        scorer, seconds, value = _fit(task, divided, kept)
        draws = resamples.ask({"whole": whole, "without": scorer})
        gains = (
            Unknown(resamples.refusal)
            if resamples.refusal
            else interval_of(sign_of(metric) * (draws["whole"][metric] - draws["without"][metric]))
        )
        verdict = compare(metric, all_value, value, f"the one without {view}", gains)
        found.append(Ablation(view, len(left_out), value, verdict, all_seconds - seconds))
        task.progress(step, len(places) + 1, f"without {view}: {metric} {value:.4f}")
    found.sort(key=lambda one: -one.verdict.gain)
    done = Ablated(str(metric), all_value, all_seconds, tuple(found))
    with task.run.store.write() as session:
        ledger.log_metrics(session, task.run.run_id, metrics_of(done))
        ledger.log_parameters(session, task.run.run_id, {f"view.{one.view}": one.says for one in done.views})
        task.complete(session, says=done.says)
    return done


def metrics_of(done: Ablated) -> dict[str, float]:
    """The metrics: `METRIC` and `seconds` of the whole, `without.VIEW.METRIC` and `.seconds`, `view.VIEW.earns`."""
    from app.learning.bootstrap import Interval

    keyed = {done.metric: done.value, "seconds": done.seconds}
    for one in done.views:
        keyed[f"without.{one.view}.{done.metric}"] = one.value
        keyed[f"without.{one.view}.seconds"] = done.seconds - one.seconds
        keyed[f"view.{one.view}.earns"] = one.verdict.gain
        if isinstance(one.verdict.interval, Interval):
            keyed[f"view.{one.view}.earns.low"] = one.verdict.interval.low
            keyed[f"view.{one.view}.earns.high"] = one.verdict.interval.high
    return keyed


def _fit(task: TaskContext, divided: Divided, kept: Sequence[int] | None) -> tuple[Scorer, float, float]:
    """A scorer of the test rows, the seconds of the fit, and the metric."""
    import numpy as np

    from app.domain.problem import Task
    from app.learning.evaluate import refuse_unusable
    from app.learning.metrics import scorer

    problem = task.run.project.file.problem
    rounds = whole_parameter(task.run.parameters, "rounds")
    begun = time.monotonic()
    parsed, _ = refit(task, divided, rounds=rounds, columns=kept)
    seconds = time.monotonic() - begun
    test: Any = divided.test if kept is None else divided.test[:, list(kept)]
    predicted = parsed.predict_matrix(test)
    if divided.signature.task is not Task.MULTICLASS:
        predicted = predicted[:, 0]
    refuse_unusable(divided.test_target, predicted)
    ask = scorer(
        divided.signature.task,
        divided.test_target,
        predicted,
        quantile=problem.quantile,
        only=problem.judged_by,
    )
    value = float(ask(np.ones((1, len(divided.test_target))))[problem.judged_by][0])
    return ask, seconds, value


__all__ = ["Ablated", "Ablation", "ablate"]
