"""Models on the same rows: what each gains over another, with intervals from paired block resamples.

Rows, truth and predictions are those that were kept when each model was judged (`judged`). The draws are shared: what
makes all models better or worse on a day cancels out.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.errors import Damaged
from app.domain.pricing import gain_of, level_for
from app.domain.problem import MetricName, Task
from app.learning.bootstrap import Interval, Resamples, Unknown, blocks_of
from app.learning.judged import META, PREDICTED, TRUTH
from app.learning.metrics import scorer
from app.learning.verdict import Verdict, compare

Floats = np.ndarray[Any, np.dtype[np.float64]]
Moments = np.ndarray[Any, np.dtype[np.int64]]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answers:
    """Truth (n,) and predictions (n,) or (n, classes) of test rows, and their event times in seconds if they have any.

    `rows` is how many there were before any were thinned out.
    """

    task: Task
    truth: Floats = field(repr=False)
    predicted: Floats = field(repr=False)
    moments: Moments | None = field(repr=False)
    rows: int

    def same_rows(self, other: Answers) -> bool:
        """Whether both were judged on the same rows: as many, at the same times, with the same truth."""
        if (self.task, self.rows, self.predicted.shape) != (other.task, other.rows, other.predicted.shape):
            return False
        if (self.moments is None) != (other.moments is None):
            return False
        at_once = self.moments is None or np.array_equal(self.moments, other.moments)  # type: ignore[arg-type]
        return bool(at_once and np.array_equal(self.truth, other.truth))


def answers_in(content: bytes, time: str | None) -> Answers:
    """What `judged.Judged.content` holds of them, read without a frame; `time` is the column of the event time.

    Raises Damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content), pre_buffer=False)
        facts = json.loads((file.schema_arrow.metadata or {})[META.encode()])
        task, rows = Task(facts["task"]), int(facts["rows"])
        names = [name for name in file.schema_arrow.names if name.startswith(PREDICTED)]
        timed = [time] if time is not None and time in file.schema_arrow.names else []
        table = file.read(columns=[TRUTH, *names, *timed], use_threads=False)
        predicted = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float64)
        moments = None
        if timed:
            stamps = table[timed[0]].cast(pa.timestamp("s", tz="UTC"), safe=False)
            moments = stamps.cast(pa.int64()).to_numpy()
        truth = table[TRUTH].to_numpy().astype(np.float64)
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise Damaged(
            f"the stored test rows cannot be read: {type(error).__name__}", next_step="trainmaster store fsck"
        ) from None
    return Answers(task, truth, predicted if task is Task.MULTICLASS else predicted[:, 0], moments, rows)


def gain_over(
    baseline: Answers,
    other: Answers,
    metric: MetricName,
    *,
    against: str,
    quantile: float | None = None,
    resamples: int = 500,
    seed: int = 7,
    among: int = 1,
) -> tuple[Verdict, str]:
    """The verdict of `other` on the baseline's rows, and what a block of the draws is.

    All verdicts of a comparison together keep a confidence of 95 %: `among` k each interval is one of 95 %^(1/k)
    (Šidák 1967).

    >>> truth = np.tile([0.0, 1.0], 50)
    >>> poor, good = (Answers(Task.BINARY, truth, p, None, 100) for p in (1 - truth, truth))
    >>> found, block = gain_over(poor, good, MetricName.AUC, against="a")
    >>> found.says, found.significant, block
    ('beats a by 1.00 auc, outside ± 0: significant', True, 'rows')
    """
    codes, block = blocks_of(len(baseline.truth), baseline.moments)
    draws = Resamples(codes, count=resamples, seed=seed)
    scorers = {
        name: scorer(baseline.task, baseline.truth, one.predicted, quantile=quantile, only=metric)
        for name, one in (("mine", other), ("theirs", baseline))
    }
    whole = np.ones((1, len(baseline.truth)))
    mine, theirs = (float(scorers[name](whole)[metric][0]) for name in ("mine", "theirs"))
    drawn = draws.ask(scorers)
    pairs = () if draws.refusal else zip(drawn["mine"][metric], drawn["theirs"][metric], strict=True)
    between = [metric.gain(float(one), over=float(rival)) for one, rival in pairs]
    level = (1 + level_for(CONFIDENCE, among)) / 2
    bounds = gain_of(metric.gain(mine, over=theirs), between, level=level, unknown=draws.refusal)
    interval: Interval | Unknown = Unknown(bounds.unknown)
    if bounds.low is not None and bounds.high is not None:
        interval = Interval(bounds.low, bounds.high)
    return compare(metric, mine, theirs, against, interval), block


__all__ = ["Answers", "answers_in", "gain_over"]
