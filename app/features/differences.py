"""The first place where two tables of the same rows say something else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.text import visible


@dataclass(frozen=True)
class Difference:
    """A row (its place, and its keys), a column, and both values as text; `row` is None for a whole table."""

    row: int | None
    keys: dict[str, str]
    column: str
    stored: str
    rebuilt: str


def first_difference(stored: pa.Table, rebuilt: pa.Table, keys: Sequence[str]) -> Difference | None:
    """The first row, and its first column, in which two tables differ; None for equal ones. NaN equals NaN.

    Tables that differ row by row are compared again in the order of `keys`: another order is no other content.

    >>> one, other = pa.table({"id": ["a", "b"], "n": [1.0, 2.0]}), pa.table({"id": ["a", "b"], "n": [1.0, 2.5]})
    >>> first_difference(one, other, ["id"])
    Difference(row=1, keys={'id': 'b'}, column='n', stored='2.0', rebuilt='2.5')
    """
    if sorted(stored.column_names) != sorted(rebuilt.column_names):
        here, there = sorted(set(stored.column_names)), sorted(set(rebuilt.column_names))
        odd = min(set(here) ^ set(there))
        return Difference(
            None, {}, visible(odd), "there" if odd in here else "absent", "there" if odd in there else "absent"
        )
    if stored.num_rows != rebuilt.num_rows:
        return Difference(None, {}, "number of rows", f"{stored.num_rows:,}", f"{rebuilt.num_rows:,}")
    found = _by_place(stored, rebuilt, keys)
    order = [(key, "ascending") for key in keys if key in stored.column_names]
    if found is None or not order:
        return found
    return _by_place(stored.sort_by(order), rebuilt.sort_by(order), keys)


def _by_place(stored: pa.Table, rebuilt: pa.Table, keys: Sequence[str]) -> Difference | None:
    first: tuple[int, int] | None = None
    for at, name in enumerate(stored.column_names):
        unlike = _unlike(stored[name], rebuilt[name])
        if unlike.any():
            place = (int(unlike.argmax()), at)
            first = place if first is None else min(first, place)
    if first is None:
        return None
    row, column = first[0], stored.column_names[first[1]]
    named = {key: _shown(stored[key][row]) for key in keys if key in stored.column_names}
    return Difference(row, named, visible(column), _shown(stored[column][row]), _shown(rebuilt[column][row]))


def _unlike(one: pa.ChunkedArray, other: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    if one.type != other.type:
        if not (_is_number(one.type) and _is_number(other.type)):
            one, other = one.cast(pa.string()), other.cast(pa.string())
        else:
            one, other = one.cast(pa.float64()), other.cast(pa.float64())
    same = pc.fill_null(pc.equal(one, other), fill_value=False)
    both_absent = pc.and_(pc.is_null(one, nan_is_null=True), pc.is_null(other, nan_is_null=True))
    return np.asarray(~pc.or_(same, both_absent).to_numpy().astype(bool))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _shown(value: pa.Scalar) -> str:
    return visible(value.as_py(), longest=120)


__all__ = ["Difference", "first_difference"]
