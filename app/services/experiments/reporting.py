"""The evaluation as it stands in a manifest: plain values only, and a reason in words wherever there is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from app.domain.problem import MetricName, Task
    from app.learning.bootstrap import Interval, Resamples, Unknown
    from app.learning.evaluate import Slice
    from app.learning.explain import Importance
    from app.learning.verdict import Verdict

    Floats = np.ndarray[Any, np.dtype[np.float64]]
MOST_CURVE = 200


def report_of(
    *,
    kind: Task,
    truth: Floats,
    predicted: Floats,
    metrics: Mapping[str, float],
    baseline: Mapping[str, float],
    intervals: Mapping[str, Interval | Unknown],
    verdicts: Sequence[Verdict],
    slices: Sequence[Slice],
    importance: Sequence[Importance],
    unknown: Mapping[str, Unknown],
    curve: Mapping[str, Sequence[tuple[int, float]]],
    blocks: str,
    resamples: Resamples,
    metric: MetricName,
) -> dict[str, object]:
    """Everything that a card, a screen and a comparison need to know of an evaluation."""
    from app.domain.problem import METRICS_OF, MetricName
    from app.domain.problem import Task as Kind
    from app.learning.bootstrap import Interval
    from app.learning.reliability import reliability

    reasons = {name: str(one) for name, one in unknown.items()}
    for wanted in METRICS_OF[kind]:
        if wanted not in metrics and wanted is not MetricName.PINBALL:
            reasons[str(wanted)] = "unknown: it has no meaning for these rows"
    for name, one in intervals.items():
        if not isinstance(one, Interval):
            reasons[f"{name} interval"] = str(one)
    for part in slices:
        if part.unknown:
            reasons[f"slice.{part.column}={part.value}"] = part.unknown
    if kind is Kind.REGRESSION:
        reasons["reliability"] = "unknown: a regression gives no probabilities"
    return {
        "metric": str(metric),
        "verdict": verdicts[0].as_json(),
        "verdicts": [one.as_json() for one in verdicts],
        "baseline": dict(baseline),
        "intervals": {name: [one.low, one.high] for name, one in intervals.items() if isinstance(one, Interval)},
        "level": 0.95,
        "blocks": blocks,
        "resamples": 0 if resamples.refusal else resamples.count,
        "reliability": [bin.as_json() for bin in reliability(kind, truth, predicted)],
        "importance": [one.as_json() for one in importance],
        "curve": {name: [list(point) for point in points[-MOST_CURVE:]] for name, points in curve.items()},
        "unknown": reasons,
    }


__all__ = ["report_of"]
