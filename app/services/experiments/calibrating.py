"""Calibration as a part of the model: a curve fitted on rows that the fit behind it did not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.services.experiments.refitting import refit
from app.services.experiments.results import Divided
from app.services.running import TaskContext

if TYPE_CHECKING:
    from app.learning.calibration import Calibration
    from app.learning.learners import Fitted

HELD_SHARE = 0.2
FEWEST_ROWS = 50


def calibrate(task: TaskContext, divided: Divided, fitted: Fitted) -> Calibration | None:
    """The curve of `[evaluation] calibration`, or None for "none"; the test rows have no part in it.

    The learner is fitted again on the older four fifths of the training rows, and its predictions of the newest fifth
    (a seeded fifth where there is no time) give the curve. Raises BadInput for a regression, too few rows, one class.
    """
    method = task.run.project.file.evaluation.calibration
    if method == "none":
        return None
    from app.learning.calibration import fit_calibration

    if divided.signature.task is Task.REGRESSION:
        import numpy as np

        return fit_calibration(Task.REGRESSION, method, np.empty(0), np.empty(0))  # says why not
    older, newer = _divide(task, divided)
    parsed, _ = refit(task, divided, rounds=fitted.rounds, rows=older)
    predicted = parsed.predict_matrix(divided.train[newer])
    found = fit_calibration(divided.signature.task, method, divided.train_target[newer], predicted)
    task.run.log(f"calibration: {method} on {len(newer):,} rows that its fit did not see")
    return found


def _divide(task: TaskContext, divided: Divided) -> tuple[Any, Any]:
    """Places of the rows to fit on and to calibrate on; training rows of a split by time are in the order of time."""
    import numpy as np

    count = len(divided.train)
    held = round(count * HELD_SHARE)
    if held < FEWEST_ROWS:
        raise BadInput(
            f"calibration holds a fifth of the training rows back: {held} rows are fewer than {FEWEST_ROWS}",
            where="evaluation.calibration",
            next_step='set evaluation.calibration = "none" in project.toml, or bring more data',
        )
    rule = task.run.project.file.split
    if rule.kind == "time":
        return np.arange(count - held), np.arange(count - held, count)
    chosen = np.random.default_rng(rule.seed).permutation(count)
    return np.sort(chosen[held:]), np.sort(chosen[:held])


__all__ = ["calibrate"]
