"""The reference that a version is watched by, made from its own training and test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.domain.problem import Task
from app.services.running import TaskContext

if TYPE_CHECKING:
    import numpy as np

    from app.learning.encode import Encoded
    from app.learning.explain import Importance
    from app.learning.signature import Signature
    from app.services.experiments.results import Divided, Pulled

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Whole = np.ndarray[Any, np.dtype[np.int64]]


def reference_of(
    task: TaskContext,
    pulled: Pulled,
    divided: Divided,
    predicted: Floats,
    constant: Floats,
    *,
    described: Mapping[str, object],
    metrics: dict[str, float],
    importance: Sequence[Importance],
) -> dict[str, object]:
    """The profile that is kept with the version: features over the training rows, score and estimate over the test.

    `predicted` and `constant` are what the model and the naive baseline answer to the test rows, `described` what
    `describe_training` gave.
    """
    parts = divided.parts
    examined = examine(
        divided.signature,
        (divided.test_rows, divided.test_target, predicted),
        _times(task, pulled, divided),
        naive=_naive(divided.signature.task, constant),
    )
    return {
        **described,
        **examined,
        "window": parts.train_window.as_json(),
        "test_window": parts.test_window.as_json(),
        "metrics": dict(metrics),
        "importance": shares_of({one.feature: (one.shap, one.permutation) for one in importance}),
    }


def describe_training(task: TaskContext, pulled: Pulled, divided: Divided) -> dict[str, object]:
    """What the profile says of the training rows, which needs no model."""
    return describe(divided.signature, divided.train_rows, _times(task, pulled, divided)[0])


def _times(task: TaskContext, pulled: Pulled, divided: Divided) -> tuple[Whole | None, Whole | None]:
    """When the training and the test rows happened, in nanoseconds."""
    name = task.run.project.file.problem.event_time
    if name is None or name not in pulled.frame:
        return None, None
    return nanoseconds(pulled.frame[name].iloc[divided.parts.train]), nanoseconds(divided.test_frame[name])


def describe(signature: Signature, rows: Encoded, times: Whole | None) -> dict[str, object]:
    """The profile of encoded training rows, which happened at `times` (nanoseconds)."""
    from app.learning.boosting import fit_and_ask
    from app.monitoring.profiling import Column, features_profile

    columns = [
        Column(feature.name, rows.column(place), feature.categories if feature.kind == "category" else None)
        for place, feature in enumerate(signature.features)
    ]
    return features_profile(columns, times, fit=fit_and_ask)


def examine(
    signature: Signature,
    test: tuple[Encoded, Floats, Floats],
    times: tuple[Whole | None, Whole | None],
    *,
    naive: Sequence[float],
) -> dict[str, object]:
    """The profile of test rows with their labels and the model's answers; `times` of training and test rows."""
    import numpy as np

    from app.monitoring.profiling import Judged, exam_profile

    (test_rows, labels, predicted), (train_times, test_times) = test, times
    later = train_times is not None and test_times is not None and bool(test_times.min() >= train_times.max())
    many = signature.task is Task.MULTICLASS
    judged = Judged(
        labels=labels,
        answers=predicted.argmax(axis=1).astype(np.float64) if many else predicted,
        score=predicted.max(axis=1) if many else predicted,
        features={
            feature.name: test_rows.column(place)
            for place, feature in enumerate(signature.features)
            if feature.kind == "number" and signature.task is Task.REGRESSION
        },
        times=test_times,
        out_of_time=later,
    )
    return exam_profile(signature.task, judged, naive=naive)


def shares_of(importance: Mapping[str, tuple[float | None, float]]) -> dict[str, float]:
    """Each feature's share of the answers, from its mean absolute SHAP value, or from what shuffling it costs.

    >>> shares_of({"x": (3.0, 0.1), "y": (1.0, 0.0)})
    {'x': 0.75, 'y': 0.25}
    """
    by_shap = all(shap is not None for shap, _ in importance.values())
    values = {name: max((shap or 0.0) if by_shap else cost, 0.0) for name, (shap, cost) in importance.items()}
    total = sum(values.values())
    return {name: value / total for name, value in values.items()} if total > 0 else {}


def _naive(task: Task, constant: Floats) -> list[float]:
    if len(constant) == 0:
        return []
    if task is Task.BINARY:
        return [1 - float(constant[0]), float(constant[0])]
    return [float(one) for one in constant[0]] if task is Task.MULTICLASS else [float(constant[0])]


def nanoseconds(times: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Times as whole nanoseconds since 1970, UTC."""
    import numpy as np
    import pandas as pd

    return np.asarray(
        pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy(dtype="datetime64[ns]").astype(np.int64)
    )


__all__ = ["describe", "describe_training", "examine", "nanoseconds", "reference_of", "shares_of"]
