"""Two snapshots side by side: columns that came, went or changed their type, counts, and how far values have moved."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.data.distributions import Codes, Numbers

BINS = 10
NEW_SHOWN = 5


@dataclass(frozen=True)
class ColumnCompared:
    """One column of two snapshots; `change` is same, added, removed or retyped; shares are of the rows.

    `psi` is the population stability index over ten bins of the first and what lies outside of them (Siddiqi 2006),
    `ks` the largest difference of the two distribution functions; None where they cannot be told.
    """

    name: str
    change: str
    type_before: str | None
    type_after: str | None
    missing_before: float | None = None
    missing_after: float | None = None
    distinct_before: int | None = None
    distinct_after: int | None = None
    mean_before: float | None = None
    mean_after: float | None = None
    psi: float | None = None
    ks: float | None = None
    new_values: tuple[str, ...] = ()

    @property
    def has_moved(self) -> bool:
        """Whether a person should look: another type, or more than 0.1 of PSI, or a tenth more missing values."""
        if self.change != "same":
            return True
        missing = abs((self.missing_after or 0.0) - (self.missing_before or 0.0))
        return (self.psi or 0.0) > 0.1 or missing > 0.1


def compare(before: pa.Table, after: pa.Table, *, private: frozenset[str] = frozenset()) -> list[ColumnCompared]:
    """Every column of either side: those of the first in order, then what the second has more.

    >>> old, new = pa.table({"a": [1, 2, 3, 4], "b": ["x"] * 4}), pa.table({"a": [1, 2, 3, 4], "c": [1.0] * 4})
    >>> [(one.name, one.change, one.psi) for one in compare(old, new)]
    [('a', 'same', 0.0), ('b', 'removed', None), ('c', 'added', None)]
    """
    names = [*before.column_names, *(name for name in after.column_names if name not in before.column_names)]
    return [_compared(name, before, after, name in private) for name in names]


def _compared(name: str, before: pa.Table, after: pa.Table, private: bool) -> ColumnCompared:
    old = before[name] if name in before.column_names else None
    new = after[name] if name in after.column_names else None
    if old is None or new is None:
        there = old if old is not None else new
        kind = str(there.type) if there is not None else None
        change = "removed" if new is None else "added"
        return ColumnCompared(name, change, kind if new is None else None, kind if old is None else None)
    both_numbers = _is_number(old.type) and _is_number(new.type)
    change = "same" if old.type == new.type or both_numbers else "retyped"
    psi, ks, fresh = (None, None, ()) if change == "retyped" else _moved(old, new, both_numbers, private)
    means = (_mean(old), _mean(new)) if both_numbers and not private else (None, None)
    return ColumnCompared(
        name, change, str(old.type), str(new.type), _missing(old), _missing(new), _distinct(old), _distinct(new),
        means[0], means[1], psi, ks, fresh,
    )  # fmt: skip


def _moved(
    old: pa.ChunkedArray, new: pa.ChunkedArray, numbers: bool, private: bool
) -> tuple[float | None, float | None, tuple[str, ...]]:
    if numbers or (pa.types.is_timestamp(old.type) and pa.types.is_timestamp(new.type)):
        one, other = _finite(old), _finite(new)
        if not len(one) or not len(other):
            return None, None, ()
        inner = np.quantile(one, np.linspace(0, 1, BINS + 1)[:-1])  # the least is one: what is below moved
        edges = np.unique([*inner, np.nextafter(one.max(), np.inf)])
        shares = [np.bincount(np.searchsorted(edges, side, "right"), minlength=len(edges) + 1) for side in (one, other)]
        return _psi(shares[0], shares[1]), _ks(one, other), ()
    if not (pa.types.is_string(old.type) or pa.types.is_boolean(old.type)):
        return None, None, ()
    counts = [_counts(side) for side in (old, new)]
    names = list(counts[0].index) + [value for value in counts[1].index if value not in counts[0].index]
    sides = [one.reindex(names, fill_value=0).to_numpy() for one in counts]
    fresh = () if private else tuple(str(value)[:60] for value in names[len(counts[0]) :][:NEW_SHOWN])
    if not sides[0].sum() or not sides[1].sum():
        return None, None, fresh
    return _psi(sides[0], sides[1]), None, fresh


def _psi(before: Codes, after: Codes) -> float:
    """An empty bin counts as half a row, so that it is a large change, not an infinite one."""
    one = np.maximum(before, 0.5) / before.sum()
    other = np.maximum(after, 0.5) / after.sum()
    return round(float(np.sum((other - one) * np.log(other / one))), 6)


def _ks(one: Numbers, other: Numbers) -> float:
    grid = np.concatenate([one, other])
    below = [np.searchsorted(np.sort(side), grid, side="right") / len(side) for side in (one, other)]
    return round(float(np.abs(below[0] - below[1]).max()), 6)


def _finite(values: pa.ChunkedArray) -> Numbers:
    numbers = values.cast(pa.timestamp("us")).cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
    array: Numbers = numbers.to_numpy().astype("float64")
    return array[np.isfinite(array)]


def _counts(values: pa.ChunkedArray) -> pd.Series:
    counted = pc.value_counts(values.combine_chunks().drop_null())
    return pd.Series(counted.field("counts").to_numpy(), index=counted.field("values").to_pylist())


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _missing(values: pa.ChunkedArray) -> float:
    return round(values.null_count / len(values), 6) if len(values) else 0.0


def _distinct(values: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(values).as_py()) if not pa.types.is_nested(values.type) else 0


def _mean(values: pa.ChunkedArray) -> float | None:
    finite = _finite(values)
    return round(float(finite.mean()), 6) if len(finite) else None
