"""The reference that a version is watched by, made from its own training and test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.domain.problem import Task
from app.services.running import TaskContext

if TYPE_CHECKING:
    import numpy as np

    from app.learning.explain import Importance
    from app.services.experiments.results import Divided, Pulled

    Floats = np.ndarray[Any, np.dtype[np.float64]]


def reference_of(
    task: TaskContext,
    pulled: Pulled,
    divided: Divided,
    predicted: Floats,
    constant: Floats,
    *,
    metrics: dict[str, float],
    importance: Sequence[Importance],
) -> dict[str, object]:
    """The profile that is kept with the version: features over the training rows, score and estimate over the test.

    `predicted` and `constant` are what the model and the naive baseline answer to the test rows.
    """
    import numpy as np

    from app.learning.boosting import fit_and_ask
    from app.monitoring.profiling import Column, Judged, reference_profile

    problem, signature, parts = task.run.project.file.problem, divided.signature, divided.parts
    columns = [
        Column(
            feature.name, divided.train_rows.column(place), feature.categories if feature.kind == "category" else None
        )
        for place, feature in enumerate(signature.features)
    ]
    times = test_times = None
    if problem.event_time is not None and problem.event_time in pulled.frame:
        times = _nanoseconds(pulled.frame[problem.event_time].iloc[parts.train])
        test_times = _nanoseconds(divided.test_frame[problem.event_time])
    later = times is not None and test_times is not None and bool(test_times.min() >= times.max())
    many = signature.task is Task.MULTICLASS
    judged = Judged(
        labels=divided.test_target,
        answers=predicted.argmax(axis=1).astype(np.float64) if many else predicted,
        score=predicted.max(axis=1) if many else predicted,
        features={
            feature.name: divided.test_rows.column(place)
            for place, feature in enumerate(signature.features)
            if feature.kind == "number"
        }
        if signature.task is Task.REGRESSION
        else {},
        times=test_times,
        out_of_time=later,
    )
    naive = _naive(signature.task, constant)
    found = reference_profile(signature.task, columns, times, judged, naive=naive, fit=fit_and_ask)
    return {
        **found,
        "window": parts.train_window.as_json(),
        "test_window": parts.test_window.as_json(),
        "metrics": dict(metrics),
        "importance": shares_of(importance),
    }


def shares_of(importance: Sequence[Importance]) -> dict[str, float]:
    """Each feature's share of the model's answers: of the mean absolute SHAP values, or of what shuffling costs."""
    by_shap = all(one.shap is not None for one in importance)
    values = {one.feature: max((one.shap or 0.0) if by_shap else one.permutation, 0.0) for one in importance}
    total = sum(values.values())
    return {name: value / total for name, value in values.items()} if total > 0 else {}


def _naive(task: Task, constant: Floats) -> list[float]:
    if len(constant) == 0:
        return []
    if task is Task.BINARY:
        return [1 - float(constant[0]), float(constant[0])]
    return [float(one) for one in constant[0]] if task is Task.MULTICLASS else [float(constant[0])]


def _nanoseconds(times: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    import numpy as np
    import pandas as pd

    return np.asarray(
        pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy(dtype="datetime64[ns]").astype(np.int64)
    )


__all__ = ["reference_of", "shares_of"]
