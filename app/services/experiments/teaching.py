"""The second fit: what has sat its exam learns from the exam's rows too, with the same settings and rounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.domain.policy import training_rule
from app.services.experiments.choosing import chosen_learner
from app.services.experiments.limiting import fit_within
from app.services.experiments.results import Divided, Pulled
from app.services.running import TaskContext

if TYPE_CHECKING:
    import numpy as np

    from app.learning.learners import Fitted


def taught_all(
    task: TaskContext, pulled: Pulled, divided: Divided, fitted: Fitted
) -> tuple[Divided, Fitted, dict[str, object] | None]:
    """The same learner on every labelled row since the first training row, when the run's rule asks for a second fit.

    Its numbers are those of the first fit, which has not seen the exam: they are all that is known of it. Categories
    are those of the first fit. Gives what came in, and None, when no second fit is asked for.
    """
    if not training_rule(task.run.parameters, task.run.project.file.feedback).refit:
        return divided, fitted, None
    from app.learning import encode
    from app.learning.split import Window, rows_at

    problem, signature, parts = task.run.project.file.problem, divided.signature, divided.parts
    places = _places(pulled, divided, problem.event_time)
    frame = rows_at(pulled.frame, places)
    target = encode.encode_target(frame[problem.target], problem.task, signature.classes)
    task.run.log(f"second fit: {len(frame):,} rows, those of the exam among them")
    again = fit_within(
        task.run,
        encode.encode(frame, signature).table,
        target,
        learner=chosen_learner(task.run).learner,
        categories=[at for at, feature in enumerate(signature.features) if feature.kind == "category"],
        names=signature.names,
        classes=len(signature.classes),
        rounds=fitted.rounds,
    )
    window = Window(parts.train_window.start, parts.test_window.end)
    kept = replace(divided, parts=replace(parts, train=places, train_window=window))
    return kept, replace(again, points=fitted.points), {"rows": len(frame), "window": window.as_json()}


def _places(pulled: Pulled, divided: Divided, event_time: str | None) -> np.ndarray[Any, Any]:
    """Every row; in a split by time those from the first training row on, for a window may have left out older ones."""
    import numpy as np
    import pandas as pd

    start = divided.parts.train_window.start
    rule = divided.rule or None
    if event_time is None or start is None or (rule is not None and rule.kind != "time"):
        return np.arange(len(pulled.frame))
    return np.flatnonzero((pd.to_datetime(pulled.frame[event_time], utc=True) >= start).to_numpy())


__all__ = ["taught_all"]
