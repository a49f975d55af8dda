"""The untouched rows that a version's gates were judged on, as one Parquet artifact: judging again uses the same.

Every feature, slice and protected column of the test rows, their time, the truth, and what model and baseline answered.
More than 100,000 rows are thinned to evenly spaced ones.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from app.domain.errors import Damaged
from app.domain.problem import Task

if TYPE_CHECKING:
    import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]
MOST_ROWS = 100_000
TRUTH, PREDICTED, META = "__truth", "__predicted", "trainmaster"


@dataclass(frozen=True)
class Judged:
    """Test rows (frame of n rows), truth (n,), predictions (n,) or (n, classes), and what the baseline always says."""

    task: Task
    frame: pd.DataFrame = field(repr=False)
    truth: Floats = field(repr=False)
    predicted: Floats = field(repr=False)
    constant: tuple[float, ...]
    rows: int
    """How many test rows there were before any were thinned out."""

    @property
    def baseline(self) -> Floats:
        """The baseline's predictions, in the shape of the model's."""
        one = np.asarray(self.constant, dtype=np.float64)
        return np.full(len(self.truth), one[0]) if self.predicted.ndim == 1 else np.tile(one, (len(self.truth), 1))

    @cached_property
    def content(self) -> bytes:
        """The rows as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        predicted = self.predicted.reshape(len(self.truth), -1)
        added = {f"{PREDICTED}{at}": predicted[:, at] for at in range(predicted.shape[1])}
        columns = {str(name): pa.array(self.frame[name].array, from_pandas=True) for name in self.frame.columns}
        table = pa.table(columns)
        for name, values in {TRUTH: self.truth, **added}.items():
            table = table.append_column(name, pa.array(values))
        facts = {"task": str(self.task), "constant": list(self.constant), "rows": self.rows}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), META: json.dumps(facts)})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 of `content`."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Inverse of `content`; raises Damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # no pool of threads: this may run in a process that was forked from one that had them
            table = pq.ParquetFile(io.BytesIO(content), pre_buffer=False).read(use_threads=False)
            facts = json.loads((table.schema.metadata or {})[META.encode()])
            frame = table.to_pandas(use_threads=False)
            task, constant, rows = Task(facts["task"]), tuple(float(x) for x in facts["constant"]), int(facts["rows"])
            names = [name for name in frame.columns if str(name).startswith(PREDICTED)]
            predicted = np.ascontiguousarray(frame[names].to_numpy(dtype=np.float64))
            truth = frame[TRUTH].to_numpy(dtype=np.float64)
        except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
            raise Damaged(
                f"the stored test rows cannot be read: {type(error).__name__}", next_step="trainmaster store fsck"
            ) from None
        if task is not Task.MULTICLASS:
            predicted = predicted[:, 0]
        return cls(task, frame.drop(columns=[TRUTH, *names]), truth, predicted, constant, rows)


def judged_rows(
    task: Task, frame: pd.DataFrame, columns: Sequence[str], truth: Floats, predicted: Floats, constant: Floats
) -> Judged:
    """The rows to keep: the named `columns` of the frame that are there, thinned when there are too many.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    >>> kept = judged_rows(Task.BINARY, frame, ["a"], np.zeros(2), np.ones(2), np.full(2, 0.5))
    >>> again = Judged.of_bytes(kept.content)
    >>> list(again.frame), again.constant, again.baseline.tolist()
    (['a'], (0.5,), [0.5, 0.5])
    """
    names = [name for name in dict.fromkeys(columns) if name in frame.columns]
    places = np.arange(len(truth))
    if len(truth) > MOST_ROWS:
        places = np.unique(np.linspace(0, len(truth) - 1, MOST_ROWS).round().astype(np.int64))
    one = constant[0] if len(constant) else np.zeros(1)
    return Judged(
        task,
        frame[names].iloc[places].reset_index(drop=True),
        truth[places],
        predicted[places],
        tuple(float(x) for x in np.atleast_1d(one)),
        len(truth),
    )


__all__ = ["Judged", "judged_rows"]
