"""The same learner on other rows or columns: for calibration and for ablations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.services.experiments.limiting import fit_within
from app.services.experiments.results import Divided
from app.services.running import TaskContext

if TYPE_CHECKING:
    import numpy as np

    from app.learning.parser import Parsed
    from app.learning.signature import Signature


def refit(
    task: TaskContext,
    divided: Divided,
    *,
    rounds: int | None,
    rows: np.ndarray[Any, Any] | None = None,
    columns: Sequence[int] | None = None,
) -> tuple[Parsed, Signature]:
    """Fit the project's learner on some training rows and columns (None: all); gives it parsed, with its signature."""
    from dataclasses import replace

    from app.learning.formats import format_of
    from app.learning.parser import parse
    from app.services.experiments.choosing import chosen_learner

    matrix, target = divided.train, divided.train_target
    if rows is not None:
        matrix, target = matrix[rows], target[rows]
    signature = divided.signature
    if columns is not None:
        matrix = matrix[:, list(columns)]
        signature = replace(signature, features=tuple(signature.features[at] for at in columns))
    fitted = fit_within(
        task.run,
        matrix,
        target,
        learner=chosen_learner(task.run).learner,
        categories=[at for at, feature in enumerate(signature.features) if feature.kind == "category"],
        names=signature.names,
        classes=len(signature.classes),
        rounds=rounds,
    )
    return parse(format_of(fitted.format), fitted.content, signature), signature


__all__ = ["refit"]
