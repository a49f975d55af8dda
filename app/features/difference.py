"""Two versions of one table side by side: rows that came and went, columns that changed, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from app.domain.text import visible

TURN = "\x00turn"
LONGEST = 40


@dataclass(frozen=True)
class ColumnChange:
    """What became of one column; `rows` counts the rows of both versions whose value differs."""

    column: str
    what: Literal["added", "removed", "retyped", "changed"]
    rows: int
    example: str


@dataclass(frozen=True)
class Difference:
    """What became of one table; rows are matched by their keys and times, repeated ones in their order."""

    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    columns: tuple[ColumnChange, ...]

    @property
    def says(self) -> str:
        """One line for people.

        >>> Difference(3, 4, 2, 1, ()).says
        '3 -> 4 rows (+2, -1), same columns and values'
        """
        changed = ", ".join(f"{one.column} {one.what}" for one in self.columns) or "same columns and values"
        came = f"+{self.rows_added:,}, -{self.rows_removed:,}"
        return f"{self.rows_before:,} -> {self.rows_after:,} rows ({came}), {changed}"


def compare(before: pa.Table, after: pa.Table, keys: Sequence[str]) -> Difference:
    """What changed between two tables of the same thing.

    >>> old, new = pa.table({"k": [1, 2], "x": [1.0, None]}), pa.table({"k": [2, 3], "x": [5.0, 6.0], "y": [1, 2]})
    >>> found = compare(old, new, ["k"])
    >>> found.rows_added, found.rows_removed, [(one.column, one.what, one.rows) for one in found.columns]
    (1, 1, [('x', 'changed', 1), ('y', 'added', 2)])
    """
    shared = [key for key in keys if key in before.column_names and key in after.column_names]
    left, right = _identity(before, shared), _identity(after, shared)
    both = left.merge(right, on=[*shared, TURN], suffixes=("_before", "_after"))
    at_before, at_after = both["\x00row_before"].to_numpy(), both["\x00row_after"].to_numpy()
    changes = [
        ColumnChange(name, "removed", before.num_rows, "")
        for name in before.column_names
        if name not in after.column_names
    ]
    for name in after.column_names:
        if name not in before.column_names:
            changes.append(ColumnChange(name, "added", after.num_rows, ""))
        elif name not in shared and (change := _change(before, after, name, at_before, at_after)) is not None:
            changes.append(change)
    return Difference(
        before.num_rows, after.num_rows, after.num_rows - len(both), before.num_rows - len(both), tuple(changes)
    )


def _identity(rows: pa.Table, keys: Sequence[str]) -> pd.DataFrame:
    frame: pd.DataFrame = rows.select(list(keys)).to_pandas() if keys else pd.DataFrame(index=range(rows.num_rows))
    frame["\x00row"] = np.arange(rows.num_rows)
    frame[TURN] = frame.groupby(list(keys), dropna=False).cumcount() if keys else frame["\x00row"]
    return frame


def _change(
    before: pa.Table, after: pa.Table, name: str, at_before: npt.NDArray[np.int64], at_after: npt.NDArray[np.int64]
) -> ColumnChange | None:
    one, other = before[name], after[name]
    old = one.to_pandas().iloc[at_before].reset_index(drop=True)
    new = other.to_pandas().iloc[at_after].reset_index(drop=True)
    differs = ~((old.astype("object") == new.astype("object")) | (old.isna() & new.isna())).to_numpy(dtype=bool)
    rows = int(differs.sum())
    if not rows and one.type == other.type:
        return None
    if not rows:
        return ColumnChange(name, "retyped", 0, f"{one.type} -> {other.type}")
    first = int(np.flatnonzero(differs)[0])
    example = f"{visible(old.iloc[first], longest=LONGEST)} -> {visible(new.iloc[first], longest=LONGEST)}"
    return ColumnChange(name, "retyped" if one.type != other.type else "changed", rows, example)
