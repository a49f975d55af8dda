"""Frames of features to columns of numbers: numbers as they are, categories as int32 codes; one matrix when asked for.

float64 and not float32, because a threshold of a tree must split a stored number and the one in a request alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import pandas as pd

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.signature import LONGEST_CATEGORY, Feature, Kind, Signature, category_text

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.int32]]
MISSING = -1
MOST_CATEGORIES = 4096
MOST_CLASSES = 100


class FeatureLike(Protocol):
    """A column of a training frame that is a feature."""

    @property
    def name(self) -> str:
        """The column."""

    @property
    def kind(self) -> Kind:
        """Number or category."""

    @property
    def view(self) -> str:
        """The view that computes it."""


@dataclass(frozen=True)
class Encoded:
    """Columns of (rows,): float64 numbers, int32 codes with -1 for missing; numbers may share the frame's memory.

    Numbers of a frame that Arrow backs stay in Arrow, chunk by chunk. `infinities` counts values that were made
    missing, by feature.
    """

    columns: tuple[Floats | Codes | pa.ChunkedArray, ...] = field(repr=False)
    infinities: dict[str, int]

    def __len__(self) -> int:
        return len(self.columns[0])

    def column(self, place: int) -> Floats:
        """One column as float64, NaN for missing; not to be written to."""
        values = self.columns[place]
        if not isinstance(values, np.ndarray):
            return cast("Floats", values.to_numpy())
        if values.dtype == np.float64:
            return cast("Floats", values)
        numbers = values.astype(np.float64)
        numbers[values == MISSING] = np.nan
        return numbers

    @cached_property
    def matrix(self) -> Floats:
        """All columns as one column-major float64 matrix of (rows, features), NaN for missing; copied once."""
        matrix = np.empty((len(self), len(self.columns)), dtype=np.float64, order="F")
        for place in range(len(self.columns)):
            matrix[:, place] = self.column(place)
        return matrix

    @cached_property
    def table(self) -> pa.Table:
        """The columns as an Arrow table that shares their memory, for `make_dataset`."""
        import pyarrow as pa

        arrays = []
        for values in self.columns:
            if not isinstance(values, np.ndarray):
                arrays.append(values)
            else:
                arrays.append(pa.array(values, mask=values == MISSING if values.dtype == np.int32 else None))
        return pa.table(arrays, names=[f"f{place}" for place in range(len(arrays))])


def learn_signature(
    frame: pd.DataFrame, features: Sequence[FeatureLike], *, task: Task, target: str, classes: Sequence[str] = ()
) -> Signature:
    """The signature of training rows: a table of at most 4,096 categories a feature, the most frequent ones.

    Rarer categories, and texts longer than 500 characters, count as missing. Raises BadInput for a column that is
    absent or of a type that is neither.
    """
    if not features:
        raise BadInput("there is no feature to learn from", next_step="declare a view in project.toml")
    learned = []
    for feature in features:
        column = _column(frame, feature.name)
        table = _categories(column) if feature.kind == "category" else ()
        learned.append(Feature(feature.name, feature.kind, feature.view, table))
    return Signature(task, target, tuple(learned), tuple(classes))


def encode(frame: pd.DataFrame, signature: Signature) -> Encoded:
    """The columns of a frame; raises BadInput naming the column that is absent or holds text where numbers belong.

    >>> features = (Feature("n", "number"), Feature("c", "category", categories=("a", "b")))
    >>> signature = Signature(Task.BINARY, "y", features)
    >>> encoded = encode(pd.DataFrame({"n": [1.0, float("inf")], "c": ["b", "never seen"]}), signature)
    >>> encoded.matrix.tolist(), encoded.infinities
    ([[1.0, 1.0], [nan, nan]], {'n': 1})
    """
    columns: list[Floats | Codes | pa.ChunkedArray] = []
    infinities: dict[str, int] = {}
    for feature in signature.features:
        column = _column(frame, feature.name)
        if feature.kind == "category":
            columns.append(_codes(column, feature.categories))
            continue
        arrow = _arrow_numbers(column)
        if arrow is not None:
            columns.append(arrow)
            continue
        numbers = as_numbers(column, feature.name)
        infinite = np.isinf(numbers)
        if infinite.any():
            infinities[feature.name] = int(infinite.sum())
            numbers = np.where(infinite, np.nan, numbers)
        columns.append(numbers)
    return Encoded(tuple(columns), infinities)


def as_numbers(column: pd.Series[Any], name: str) -> Floats:
    """A column as float64 with NaN for missing; raises BadInput with the first value that is no number."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_timedelta64_dtype(column.dtype):
        raise _not_numbers(name, "times", "turn it into a number (hours, days) in features.py")
    try:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError, OverflowError):
        pass
    for row, value in enumerate(column):
        if isinstance(value, (bool, int, float, np.number)) or value is None or value is pd.NA:
            continue
        raise _not_numbers(
            name, f"{str(value)[:60]!r} in row {row}", "declare it a category, or clean it in features.py"
        )
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def learn_classes(column: pd.Series[Any], task: Task) -> tuple[str, ...]:
    """The classes of a target in order (false before true, numbers by value, then texts); none for a regression.

    Raises BadInput for a binary target without exactly two, a multiclass one with one or more than 100.
    """
    if task is Task.REGRESSION:
        return ()
    values = list(pd.unique(column.dropna()))
    texts = {category_text(_plain(value)) for value in values} - {None}
    ordered = tuple(sorted((text for text in texts if text is not None), key=_class_order))
    name = str(column.name)
    if len(ordered) < 2:
        what = f"always {ordered[0][:60]!r}" if ordered else "always missing"
        raise BadInput(f"the target {name} is {what}: there is nothing to learn", where=name, next_step=_LOOK)
    if task is Task.BINARY and len(ordered) != 2:
        raise BadInput(
            f"the target {name} has {len(ordered)} classes, a binary task needs 2",
            where=name,
            next_step='set task = "multiclass" or "regression" in project.toml',
        )
    if len(ordered) > MOST_CLASSES:
        raise BadInput(
            f"the target {name} has {len(ordered)} classes, at most {MOST_CLASSES} can be learned",
            where=name,
            next_step='set task = "regression" in project.toml, or group the classes in features.py',
        )
    return ordered


def encode_target(column: pd.Series[Any], task: Task, classes: Sequence[str]) -> Floats:
    """The target as float64: the number, or the place of its class; raises BadInput for what is missing or infinite."""
    name = str(column.name)
    if task is Task.REGRESSION:
        numbers = as_numbers(column, name)
    else:
        codes = _codes(column, classes)
        numbers = np.where(codes == MISSING, np.nan, codes)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise BadInput(
            f"the target {name} is missing, infinite or of an unknown class in {int((~np.isfinite(numbers)).sum())} "
            f"rows, the first is row {row}",
            where=name,
            next_step=_LOOK,
        )
    return numbers


def records_of(frame: pd.DataFrame, signature: Signature) -> list[dict[str, object]]:
    """Rows as JSON-able records that encode to the same numbers: None for missing, text for categories."""
    columns: dict[str, list[object]] = {}
    for feature in signature.features:
        column = _column(frame, feature.name)
        if feature.kind == "category":
            columns[feature.name] = [category_text(_plain(value)) for value in column]
        else:
            columns[feature.name] = [x if np.isfinite(x) else None for x in as_numbers(column, feature.name).tolist()]
    return [{name: values[row] for name, values in columns.items()} for row in range(len(frame))]


_LOOK = "trainmaster data ls, then correct the target in project.toml or features.py"


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in frame.columns:
        raise BadInput(f"there is no feature {name}", where=name, next_step="trainmaster features build")
    column: Any = frame[name]
    if isinstance(column, pd.DataFrame):
        raise BadInput(f"the column {name} is there twice", where=name, next_step="rename one of them in features.py")
    return cast("pd.Series[Any]", column)


def _categories(column: pd.Series[Any]) -> tuple[str, ...]:
    codes, values = _coded(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    totals: dict[str, int] = {}
    for value, count in zip(values, counts, strict=True):
        text = category_text(_plain(value))
        if count and text is not None and len(text) <= LONGEST_CATEGORY:
            totals[text] = totals.get(text, 0) + int(count)
    kept = sorted(totals, key=lambda text: (-totals[text], text))[:MOST_CATEGORIES]
    return tuple(sorted(kept))


def _codes(column: pd.Series[Any], table: Sequence[str]) -> Codes:
    """The place of each value in the table, -1 for what is missing or unknown."""
    places = {text: place for place, text in enumerate(table)}
    codes, values = _coded(column)
    texts = [category_text(_plain(value)) for value in values]
    known = [MISSING if text is None else places.get(text, MISSING) for text in texts]
    found: Codes = np.asarray([*known, MISSING], dtype=np.int32)[codes]  # a code of -1 takes the last
    return found


def _arrow_numbers(column: pd.Series[Any]) -> pa.ChunkedArray | None:
    """The float64 numbers of a column that Arrow backs, in the same memory; None for others and for infinities."""
    if not isinstance(column.dtype, pd.ArrowDtype):
        return None
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.dtype.pyarrow_dtype != pa.float64():
        return None
    values = cast("pa.ChunkedArray", column.array.__arrow_array__())
    return None if pc.any(pc.is_inf(values)).as_py() else values


def _coded(column: pd.Series[Any]) -> tuple[np.ndarray[Any, Any], Any]:
    """Codes into values, -1 for missing; a column that is coded already is not looked at value by value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories
    if isinstance(column.dtype, pd.ArrowDtype):
        import pyarrow as pa

        if pa.types.is_dictionary(column.dtype.pyarrow_dtype):
            whole = cast("pa.ChunkedArray", column.array.__arrow_array__()).unify_dictionaries()
            pieces = [np.asarray(chunk.indices.fill_null(MISSING)) for chunk in whole.chunks]
            texts = whole.chunk(0).dictionary.to_pylist() if whole.num_chunks else []
            return np.concatenate(pieces) if pieces else np.empty(0, np.int32), texts
    codes, values = pd.factorize(_of_one_type(column), use_na_sentinel=True)
    return codes, values


def _of_one_type(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column, or its texts where types are mixed: pandas holds 0 and False for the same value."""
    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty"):
        return column
    return column.map(category_text)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _class_order(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _not_numbers(name: str, what: str, next_step: str) -> BadInput:
    return BadInput(f"the feature {name} holds {what}, not numbers", where=name, next_step=next_step)
