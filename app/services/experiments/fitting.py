"""Stage 3 of training: the fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.services.devices import on_device
from app.services.experiments.preparing import whole_parameter
from app.services.experiments.results import Divided
from app.services.running import TaskContext

if TYPE_CHECKING:
    from app.learning.learners import Fitted


def fit(task: TaskContext, divided: Divided) -> Fitted:
    """Stage 3: the trees, with a curve over the test rows that chooses nothing."""
    from app.learning import learners
    from app.learning.openmp import usable_threads

    learner = task.run.project.file.learner
    metric = task.run.project.file.problem.judged_by

    def progress(step: int, total: int, metrics: Mapping[str, float]) -> None:
        number = f" · {metric} {metrics[metric]:.4f}" if metric in metrics else ""
        task.progress(step, total, f"round {step} of {total}{number}")

    threads = task.run.threads(usable_threads())
    fitted = on_device(
        task.run,
        learner,
        lambda settled: learners.fit(
            divided.signature.task,
            divided.train_rows.table,
            divided.train_target,
            learner=settled,
            categories=[at for at, feature in enumerate(divided.signature.features) if feature.kind == "category"],
            classes=len(divided.signature.classes),
            rounds=whole_parameter(task.run.parameters, "rounds"),
            watch=(divided.test_rows.table, divided.test_target),
            threads=threads,
            progress=progress,
        ),
    )
    with task.run.store.write() as session:
        task.complete(session, says=f"{fitted.learner}: {fitted.rounds} rounds")
    return fitted
