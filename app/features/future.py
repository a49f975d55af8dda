"""Does a rule read the future? Take what was not known at a cut away: what was known before must stay the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.domain.text import visible

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Leak:
    """A value that was known at the cut and yet changes when the later rows are not there."""

    column: str
    rows: int
    example: str


def known_by(frame: pd.DataFrame, times: Sequence[str], cut: pd.Timestamp) -> Mask:
    """Which rows were known at the cut, by event and created time; every row of a frame without times."""
    known = np.ones(len(frame), dtype=bool)
    for time in times:
        known &= (pd.to_datetime(frame[time], utc=True) <= cut).to_numpy()
    return known


def leak(
    whole: pd.DataFrame,
    seen: pd.DataFrame,
    keys: Sequence[str],
    *,
    without: Collection[str] = (),
    rows_may_go: bool,
    else_says: str = "without later rows",
) -> Leak | None:
    """The first column whose values differ between what all rows give and what the rows seen by then give, or None.

    Rows are matched by keys, repeated ones in their order. A row that only the whole has is a leak, unless
    `rows_may_go`; one that only `seen` has is a leak too.

    >>> all_of_it = pd.DataFrame({"k": ["a", "b"], "next": [2.0, 3.0]})
    >>> leak(all_of_it, all_of_it.assign(next=[1.0, 3.0]), ["k"], rows_may_go=False)
    Leak(column='next', rows=1, example='k=a: 2.0, but 1.0 without later rows')
    """
    turn = [frame.groupby(list(keys), dropna=False).cumcount().to_numpy() for frame in (whole, seen)]
    identity = [*keys, "\x00turn"]
    one, other = whole[list(keys)].reset_index(drop=True), seen[list(keys)].reset_index(drop=True)
    for side, turns in zip((one, other), turn, strict=True):
        side["\x00turn"], side["\x00row"] = turns, np.arange(len(side))
    both = one[[*identity, "\x00row"]].merge(
        other[[*identity, "\x00row"]], on=identity, how="outer", suffixes=("", "_seen")
    )
    lost = both[both["\x00row"].isna() | (both["\x00row_seen"].isna() & (not rows_may_go))]
    if len(lost):
        return Leak("", len(lost), f"{_named(lost.iloc[0], keys)}: a row that is not there, or only {else_says}")
    both = both.dropna(subset=["\x00row", "\x00row_seen"])
    at, at_seen = both["\x00row"].to_numpy(dtype=int), both["\x00row_seen"].to_numpy(dtype=int)
    for column in whole.columns:
        if column in keys or column in without or column not in seen.columns:
            continue
        left, right = whole[column].iloc[at].reset_index(drop=True), seen[column].iloc[at_seen].reset_index(drop=True)
        differs = _differ(left, right)
        if differs.any():
            first = int(np.flatnonzero(differs)[0])
            values = f"{visible(left.iloc[first], longest=40)}, but {visible(right.iloc[first], longest=40)}"
            return Leak(str(column), int(differs.sum()), f"{_named(both.iloc[first], keys)}: {values} {else_says}")
    return None


def _differ(left: pd.Series, right: pd.Series) -> Mask:
    if pd.api.types.is_numeric_dtype(left.dtype) and pd.api.types.is_numeric_dtype(right.dtype):
        one, other = (side.to_numpy(dtype="float64", na_value=np.nan) for side in (left, right))
        different: Mask = ~np.isclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)
        return different
    same = (left.astype("object") == right.astype("object")) | (left.isna() & right.isna())
    return ~same.to_numpy(dtype=bool)


def _named(row: pd.Series, keys: Sequence[str]) -> str:
    return ", ".join(f"{visible(key)}={visible(row[key], longest=40)}" for key in keys) or "the row"
