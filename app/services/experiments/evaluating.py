"""Stage 4 of training: what the test rows say about model, baseline and production."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.gates import Evidence, judge
from app.services.experiments.packing import pack
from app.services.experiments.results import Divided, Evaluated, Pulled
from app.services.running import TaskContext

if TYPE_CHECKING:
    from app.learning.learners import Fitted
    from app.learning.package import Package


def evaluate(task: TaskContext, pulled: Pulled, divided: Divided, fitted: Fitted) -> Evaluated:
    """Stage 4: model, baseline and production on the same test rows, slices, the package and its proof, the gates."""
    from app.learning import evaluate as judging
    from app.learning import profile
    from app.learning.canary import check_in_child
    from app.learning.loader import LoadedModel

    run, problem = task.run, task.run.project.file.problem
    kind, truth = divided.signature.task, divided.test_target
    draft = pack(task, pulled, divided, fitted, {}, ())
    model = LoadedModel(draft)
    predicted = model.predict_matrix(divided.test)
    metrics = judging.evaluate(kind, truth, predicted)
    constant = judging.baseline(kind, divided.train_target, len(truth), len(divided.signature.classes))
    base = judging.evaluate(kind, truth, constant)
    task.progress(1, 4, "baseline and model judged")
    slices = judging.slices(kind, divided.test_frame, problem.slices, truth, predicted)
    rival, rival_metrics, rival_says = _judge_production(task, divided)
    task.progress(2, 4, "slices and production judged")
    package = pack(task, pulled, divided, fitted, metrics, slices, model=model)
    verdict = check_in_child(package)
    evidence = Evidence(
        metric=problem.judged_by,
        model=metrics,
        baseline=base,
        production=rival_metrics,
        production_says=rival_says,
        commit=run.commit,
        dirty=run.dirty,
        missing=package.missing(),
        canary_ok=verdict.ok,
        canary_says=verdict.says,
    )
    gates = judge(evidence, run.project.file.gates)
    reference = profile.training_profile(
        divided.signature,
        divided.train_rows,
        predicted,
        train_window=divided.parts.train_window,
        test_window=divided.parts.test_window,
        metrics=metrics,
    )
    with run.store.write() as session:
        name = problem.judged_by
        task.complete(
            session, says=f"{name} {metrics.get(name, float('nan')):.4f}, baseline {base.get(name, float('nan')):.4f}"
        )
    return Evaluated(metrics, base, rival_metrics, rival, slices, gates, package, reference)


def _judge_production(task: TaskContext, divided: Divided) -> tuple[int | None, dict[str, float] | None, str]:
    """Score the version in production on the challenger's test rows."""
    from app.learning import evaluate as judging
    from app.learning.loader import LoadedModel
    from app.services.registry.packages import package_of, production_version

    name = task.run.project.name
    with task.run.store.read() as session:
        version = production_version(session, name)
        package = package_of(session, version) if version else None
    if version is None or package is None:
        return None, None, ""
    model = LoadedModel(package)
    mine = divided.signature
    if model.signature.task is not mine.task or model.signature.classes != mine.classes:
        return version.version, None, f"v{version.version} in production answers another question: no comparison"
    frame = divided.test_frame
    absent = [feature for feature in model.signature.names if feature not in frame.columns]
    if absent:
        frame = frame.assign(**dict.fromkeys(absent))
    predicted = model.predict_frame(frame)
    metrics = judging.evaluate(mine.task, divided.test_target, predicted)
    says = f"v{version.version} in production"
    says += f" (without {', '.join(absent)[:200]})" if absent else ""
    says += " (which has learned from some of these rows)" if _has_seen(package, divided) else ""
    return version.version, metrics, says


def _has_seen(package: Package, divided: Divided) -> bool:
    """Whether a model has learned from rows of the test window, which is unfair to the challenger."""
    until, start = package.manifest["windows"]["train"][1], divided.parts.test_window.start
    return until is not None and start is not None and datetime.fromisoformat(str(until)) >= start
