"""What a feature view and the spine must be, and the columns that they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from app.domain.errors import BadInput
from app.domain.project import Problem, View
from app.domain.text import visible

Kind = Literal["number", "category"]


@dataclass(frozen=True)
class ViewColumn:
    """A feature of a view: numbers and truth values are numbers, text is a category."""

    name: str
    kind: Kind


def feature_columns(frame: pd.DataFrame, view: View) -> list[ViewColumn]:
    """The columns of a view that are features: all but its keys and times; raises BadInput for a time among them."""
    beside = {*view.entity, view.event_time, view.created_time}
    return [ViewColumn(str(name), kind_of(frame[name])) for name in frame.columns if name not in beside]


@dataclass(frozen=True)
class HeldColumn:
    """A column of a stored table, be it key, time or feature."""

    name: str
    kind: Literal["number", "category", "time"]


def frame_columns(frame: pd.DataFrame) -> list[HeldColumn]:
    """Every column of a frame, keys and times too."""
    return [
        HeldColumn(
            str(name), "time" if pd.api.types.is_datetime64_any_dtype(frame[name].dtype) else kind_of(frame[name])
        )
        for name in frame.columns
    ]


def stored_columns(schema: pa.Schema) -> list[HeldColumn]:
    """Every column of a stored table.

    >>> stored_columns(pa.schema([("k", pa.string()), ("at", pa.timestamp("us", "UTC")), ("x", pa.bool_())]))[0]
    HeldColumn(name='k', kind='category')
    """
    return [HeldColumn(field.name, _stored_kind(field.type)) for field in schema]


def held(record: object) -> list[HeldColumn]:
    """Read the columns that a feature set keeps of a table."""
    assert isinstance(record, list)
    return [HeldColumn(str(one["name"]), one["kind"]) for one in record]


def _stored_kind(kind: pa.DataType) -> Literal["number", "category", "time"]:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "number" if is_number or pa.types.is_boolean(kind) else "category"


def kind_of(values: pd.Series) -> Kind:
    """Whether a column is a number or a category.

    >>> kind_of(pd.Series([1.0])), kind_of(pd.Series(["a"])), kind_of(pd.Series([True]))
    ('number', 'category', 'number')
    """
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise BadInput(
            f"column {visible(values.name)!r} is a time, which no learner takes",
            next_step="make numbers of it in features.py, for example its hour or an age in days",
        )
    if values.isna().all():
        return "number"
    return "category"


def check_view(name: str, frame: pd.DataFrame, view: View, problem: Problem) -> None:
    """Raise BadInput when a view cannot be joined, or holds the answer."""
    times = [time for time in (view.event_time, view.created_time) if time is not None]
    _require(frame, [*view.entity, *times], f"view {name!r}")
    for column in (problem.target, problem.label_time):
        if column is not None and column in frame.columns:
            raise BadInput(
                f"view {name!r} holds the column {visible(column)!r}: the target and the time at which it is known "
                "must not be features",
                next_step=f"take {visible(column)} out of the function {name} in features.py",
            )
    if len(frame) == 0:
        return
    for time in times:
        if not pd.api.types.is_datetime64_any_dtype(frame[time].dtype):
            raise BadInput(
                f"view {name!r}: {visible(time)!r} must hold times", next_step="use pd.to_datetime(..., utc=True)"
            )
    missing = frame[list(view.entity)].isna().any(axis=1)
    if missing.all():
        raise BadInput(
            f"view {name!r}: every row lacks its key ({', '.join(map(visible, view.entity))})",
            next_step=f"correct the function {name} in features.py",
        )
    if view.event_time is None:
        repeated = frame.loc[~missing, list(view.entity)]
        repeated = repeated[repeated.duplicated()]
        if len(repeated):
            example = ", ".join(visible(value, longest=40) for value in repeated.iloc[0])
            raise BadInput(
                f"view {name!r} has {len(repeated):,} rows more than keys, for example {example} twice: "
                "without an event time there must be one row a key",
                next_step=f"declare event_time in [views.{name}], or keep one row a key in features.py",
            )
    for column in frame.columns:
        if pd.api.types.is_float_dtype(frame[column].dtype) and np.isinf(_floats(frame[column])).any():
            at = int(np.flatnonzero(np.isinf(_floats(frame[column])))[0])
            raise BadInput(
                f"view {name!r}: column {visible(column)!r} is infinite in row {at + 1}",
                next_step=f"divide safely in the function {name} of features.py",
            )


def check_facts(name: str, frame: pd.DataFrame, view: View) -> None:
    """Raise BadInput when the facts of a history view lack a key, a time or a column that a window takes."""
    taken = [window.of for window in view.windows.values() if window.of is not None]
    times = [time for time in (view.event_time, view.created_time) if time is not None]
    _require(frame, [*view.entity, *times, *taken], f"the facts {view.history!r} of view {name!r}")
    for column in (*times, *taken):
        is_time = pd.api.types.is_datetime64_any_dtype(frame[column].dtype)
        is_number = pd.api.types.is_numeric_dtype(frame[column].dtype) or frame[column].isna().all()
        if len(frame) and not (is_time if column in times else is_number):
            raise BadInput(
                f"view {name!r}: {visible(column)!r} must hold {'times' if column in times else 'numbers'}",
                next_step=f"correct the function {view.history} in features.py",
            )
        if not is_time and len(frame) and np.isinf(_floats(frame[column])).any():
            raise BadInput(
                f"view {name!r}: {visible(column)!r} is infinite in row "
                f"{int(np.flatnonzero(np.isinf(_floats(frame[column])))[0]) + 1}",
                next_step=f"divide safely in the function {view.history} of features.py",
            )


def check_spine(function: str, frame: pd.DataFrame, problem: Problem, views: dict[str, View]) -> None:
    """Raise BadInput when the labelled rows lack a key, a time or the target, hold one twice, or an infinite target."""
    keys = [key for view in views.values() for key in view.entity]
    times = [time for time in (problem.event_time, problem.label_time) if time is not None]
    says = f"the spine {function!r}"
    _require(frame, [*problem.entity, *keys, *times, problem.target], says)
    for time in times:
        if len(frame) and not pd.api.types.is_datetime64_any_dtype(frame[time].dtype):
            raise BadInput(f"{says}: {visible(time)!r} must hold times", next_step="use pd.to_datetime(..., utc=True)")
    if problem.event_time is None:
        timed = [name for name, view in views.items() if view.event_time is not None]
        if timed:
            raise BadInput(
                f"view {timed[0]!r} has an event time, but the problem has none to compare it with",
                next_step="set [problem] event_time in project.toml",
            )
    elif frame[problem.event_time].isna().any():
        at = int(np.flatnonzero(frame[problem.event_time].isna())[0])
        raise BadInput(
            f"{says}: {visible(problem.event_time)!r} is missing in row {at + 1}",
            next_step="drop such rows in features.py, or require the column in the contract",
        )
    identity = [*problem.entity, *([problem.event_time] if problem.event_time and problem.entity else [])]
    if identity:
        repeated = frame.loc[frame.duplicated(identity), list(problem.entity)]
        if len(repeated):
            example = ", ".join(visible(value, longest=40) for value in repeated.iloc[0])
            raise BadInput(
                f"{says} has {len(repeated):,} rows twice, for example {example}",
                next_step="keep one row an entity and time in features.py",
            )
    target = frame[problem.target]
    if pd.api.types.is_float_dtype(target.dtype) and np.isinf(_floats(target)).any():
        at = int(np.flatnonzero(np.isinf(_floats(target)))[0])
        raise BadInput(
            f"{says}: the target {visible(problem.target)!r} is infinite in row {at + 1}",
            next_step="correct the target in features.py",
        )


def check_names(spine: Sequence[str], features: dict[str, Sequence[ViewColumn]]) -> None:
    """Raise BadInput when two views, or a view and the spine, give a column of the same name."""
    owner = dict.fromkeys(spine, "the spine")
    for view, columns in features.items():
        for column in columns:
            if column.name in owner:
                raise BadInput(
                    f"the column {visible(column.name)!r} comes from view {view!r} and from {owner[column.name]}",
                    next_step=f"rename it in the function {view} of features.py",
                )
            owner[column.name] = f"view {view!r}"


def _require(frame: pd.DataFrame, columns: Sequence[str], says: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise BadInput(
                f"{says} has no column {visible(column)!r}, which project.toml names; "
                f"it has {visible(', '.join(map(str, frame.columns)), longest=200)}",
                next_step="correct features.py or project.toml",
            )


def _floats(values: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return values.to_numpy(dtype="float64", na_value=np.nan)
