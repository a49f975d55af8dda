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
    metrics: dict[str, float],
    importance: Sequence[Importance],
) -> dict[str, object]:
    """The profile that is kept with the version: features over the training rows, score and estimate over the test.

    `predicted` and `constant` are what the model and the naive baseline answer to the test rows.
    """
    problem, parts = task.run.project.file.problem, divided.parts
    times = test_times = None
    if problem.event_time is not None and problem.event_time in pulled.frame:
        times = nanoseconds(pulled.frame[problem.event_time].iloc[parts.train])
        test_times = nanoseconds(divided.test_frame[problem.event_time])
    found = built(
        divided.signature,
        (divided.train_rows, times),
        (divided.test_rows, test_times),
        divided.test_target,
        predicted,
        naive=_naive(divided.signature.task, constant),
    )
    return {
        **found,
        "window": parts.train_window.as_json(),
        "test_window": parts.test_window.as_json(),
        "metrics": dict(metrics),
        "importance": shares_of({one.feature: (one.shap, one.permutation) for one in importance}),
    }


def built(
    signature: Signature,
    train: tuple[Encoded, Whole | None],
    test: tuple[Encoded, Whole | None],
    labels: Floats,
    predicted: Floats,
    *,
    naive: Sequence[float],
) -> dict[str, object]:
    """The profile of encoded training rows and judged test rows, each with their times in nanoseconds (or None)."""
    import numpy as np

    from app.learning.boosting import fit_and_ask
    from app.monitoring.profiling import Column, Judged, reference_profile

    (train_rows, times), (test_rows, test_times) = train, test
    columns = [
        Column(feature.name, train_rows.column(place), feature.categories if feature.kind == "category" else None)
        for place, feature in enumerate(signature.features)
    ]
    later = times is not None and test_times is not None and bool(test_times.min() >= times.max())
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
    return reference_profile(signature.task, columns, times, judged, naive=naive, fit=fit_and_ask)


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


__all__ = ["built", "nanoseconds", "reference_of", "shares_of"]
