"""Statistics of a published table: a line a column, from Arrow columns, in about the time of one sort each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BINS = 20
TOP = 10
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LONGEST = 120
"""Characters of a category that are kept."""

Statistics = dict[str, Any]


def describe(table: pa.Table, kinds: Mapping[str, str]) -> dict[str, Statistics]:
    """For each column count, missing, distinct (texts) or mean, deviation, quantiles and histogram (numbers, times).

    `kinds` says which columns are "number" or "category"; others are described by their type. Times are given as
    numbers: microseconds since 1970, UTC. A histogram has 20 bins of one width between least and greatest value.

    >>> table = pa.table({"n": [1.0, 3.0, None], "c": ["a", "a", "b"]})
    >>> found = describe(table, {"n": "number", "c": "category"})
    >>> found["n"]["mean"], found["n"]["missing"], found["c"]["top"]
    (2.0, 1, [['a', 2], ['b', 1]])
    """
    return {name: _column(table[name], kinds.get(name)) for name in table.column_names}


def _column(column: pa.ChunkedArray, kind: str | None) -> Statistics:
    found: Statistics = {"count": len(column), "missing": column.null_count}
    if pa.types.is_timestamp(column.type):
        stamps = column.drop_null().cast(pa.timestamp("us")).cast(pa.int64())
        return {**found, "kind": "time", **_numbers(stamps.to_numpy().astype(np.float64))}
    is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    if kind != "category" and (is_number or pa.types.is_boolean(column.type)):
        values = column.drop_null().cast(pa.float64()).to_numpy()
        there = values[np.isfinite(values)]
        found["missing"] += len(values) - len(there)
        return {**found, "kind": "number", **_numbers(there)}
    return {**found, "kind": "category", **_texts(column.drop_null().cast(pa.string()))}


def _numbers(values: npt.NDArray[np.float64]) -> Statistics:
    if len(values) == 0:
        return {}
    ordered = np.sort(values)
    low, high = float(ordered[0]), float(ordered[-1])
    shares = [float(number) for number in np.quantile(ordered, QUANTILES)]
    edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, high])
    ends = np.searchsorted(ordered, edges[1:-1], side="left")
    counts = np.diff(np.concatenate([[0], ends, [len(ordered)]]))
    return {
        "mean": float(values.mean()),
        "deviation": float(values.std()),
        "least": low,
        "greatest": high,
        "quantiles": dict(zip(map(str, QUANTILES), shares, strict=True)),
        "histogram": {"edges": [float(edge) for edge in edges], "counts": [int(count) for count in counts]},
    }


def _texts(values: pa.ChunkedArray) -> Statistics:
    counted = pc.value_counts(values)
    if len(counted) == 0:
        return {"distinct": 0, "top": []}
    texts, counts = counted.field("values"), counted.field("counts")
    numbers = counts.to_numpy(zero_copy_only=False)
    order = np.lexsort((np.arange(len(numbers)), -numbers))[:TOP]
    top: Sequence[list[Any]] = [[str(texts[int(at)].as_py())[:LONGEST], int(numbers[at])] for at in order]
    return {"distinct": len(counted), "top": list(top), "other": int(numbers.sum() - numbers[order].sum())}
