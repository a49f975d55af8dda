"""Stage 3 of training: the fit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.services.devices import on_device
from app.services.experiments.choosing import chosen_learner
from app.services.experiments.limiting import fit_within
from app.services.experiments.preparing import whole_parameter
from app.services.experiments.results import Divided, Learned, Pulled
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import ledger, lineage

if TYPE_CHECKING:
    from sqlmodel import Session

SHOWN_S = 0.5


def fit(task: TaskContext, pulled: Pulled, divided: Divided) -> Learned:
    """Stage 3: the model, with a curve over the test rows that chooses nothing and is seen as it grows.

    The training rows are described meanwhile, for the reference that the version is watched by. With the run's
    parameter `from` (the key of a search) the learner is that of its best trial, or of `trial`. The fit has limits of
    time and memory (`limiting`).
    """
    from app.services.monitoring.references import describe_training

    problem = task.run.project.file.problem
    chosen = chosen_learner(task.run)
    curve = LiveCurve(task)

    def progress(step: int, total: int, metrics: Mapping[str, float]) -> None:
        curve.add(step, metrics)
        metric = problem.judged_by
        number = f" · {metric} {metrics[metric]:.4f}" if metric in metrics else ""
        task.progress(step, total, f"round {step} of {total}{number}")

    with ThreadPoolExecutor(1, "beside") as beside:
        described = beside.submit(describe_training, task, pulled, divided)
        fitted = on_device(
            task.run,
            chosen.learner,
            lambda settled: fit_within(
                task.run,
                divided.train_rows.table,
                divided.train_target,
                learner=settled,
                categories=[at for at, feature in enumerate(divided.signature.features) if feature.kind == "category"],
                names=divided.signature.names,
                classes=len(divided.signature.classes),
                rounds=whole_parameter(task.run.parameters, "rounds"),
                watch=(divided.test_rows.table, divided.test_target),
                progress=progress,
            ),
        )
    says = f"{fitted.learner}: {fitted.rounds} round{'s' if fitted.rounds != 1 else ''}"
    with task.run.store.write() as session:
        curve.write_rest(session, fitted.points)
        if chosen.search is not None:
            says += f", as trial {chosen.trial} of search {chosen.search.key}"
            lineage.link(session, [(chosen.search, task.run.ref, "configured")], now=now())
        task.complete(session, says=says, inputs=[chosen.search] if chosen.search else [])
    return Learned(fitted, described.result())


class LiveCurve:
    """Points of a learning curve that are written as they come, at most twice a second."""

    def __init__(self, task: TaskContext) -> None:
        self._task = task
        self._waiting: dict[str, list[tuple[int, float]]] = {}
        self._written: set[tuple[str, int]] = set()
        self._last = 0.0

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take a point of each metric."""
        for name, value in metrics.items():
            if (name, step) not in self._written:
                self._waiting.setdefault(name, []).append((step, value))
        if self._waiting and time.monotonic() - self._last > SHOWN_S:
            with self._task.run.store.write() as session:
                self._write(session)
            self._last = time.monotonic()

    def write_rest(self, session: Session, points: Mapping[str, list[tuple[int, float]]]) -> None:
        """Write those points of the finished curve that are not there yet."""
        self._waiting = {
            name: [(step, value) for step, value in found if (name, step) not in self._written]
            for name, found in points.items()
        }
        self._write(session)

    def _write(self, session: Session) -> None:
        for name, points in self._waiting.items():
            ledger.log_points(session, self._task.run.run_id, name, points)
            self._written |= {(name, step) for step, _ in points}
        self._waiting = {}


__all__ = ["LiveCurve", "fit"]
