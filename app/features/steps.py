"""Windowed history online: what a view over history says of each entity from a moment on, until something new is known.

Between two facts nothing changes but that facts leave their windows (and that ages grow), and when they do is known. So
each entity gets one row a change, computed by the same function that computes training rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from app.features import history
from app.features.as_of import NEVER, microseconds
from app.features.newest import key_kind, values_of
from app.features.online import KeyKind, joined

MOMENT = "moment of the change"


@dataclass(frozen=True)
class Steps:
    """(key, moment from which it holds, None, *values) a row, by key and moment; an age is kept as a moment."""

    key_kinds: tuple[KeyKind, ...]
    rows: Iterator[tuple[Any, ...]]
    count: int


def step_rows(
    facts: pa.Table,
    *,
    entity: Sequence[str],
    event_time: str,
    created_time: str | None,
    aggregates: Sequence[history.Aggregate],
    from_us: int,
) -> Steps:
    """What the windows say from a moment on (microseconds since 1970, UTC), for entities of which a fact still counts.

    Facts that are not known yet at that moment take effect when they are.
    """
    kinds = tuple(key_kind(facts, name) for name in entity)
    frame: pd.DataFrame = facts.to_pandas()
    event = microseconds(frame[event_time])
    created = event if created_time is None else microseconds(frame[created_time])
    usable = frame[list(entity)].notna().all(axis=1).to_numpy() & (event != NEVER) & (created != NEVER)
    known = np.maximum(event, created)
    widths = sorted({one.window // pd.Timedelta(microseconds=1) for one in aggregates})
    usable &= event + widths[-1] >= from_us
    frame, event, known = frame[usable].reset_index(drop=True), event[usable], known[usable]
    moments = []
    for width in widths:
        leaves = event + width + 1  # an event of exactly the window's age still counts
        moments += [np.where(leaves > np.maximum(known, from_us), leaves, from_us)]
    moments += [np.maximum(known, from_us), np.full(len(frame), from_us)]
    parts = [frame[list(entity)].assign(**{MOMENT: each}) for each in moments]
    spine = pd.concat(parts, ignore_index=True).drop_duplicates().sort_values([*entity, MOMENT], ignore_index=True)
    at = spine[MOMENT].to_numpy()
    spine[MOMENT] = pd.to_datetime(at, unit="us", utc=True)
    values = history.over_windows(
        spine,
        frame,
        entity=entity,
        spine_time=MOMENT,
        event_time=event_time,
        created_time=created_time,
        aggregates=aggregates,
    )
    for one in aggregates:
        if one.take == "age":
            values[one.name] = at - np.round(values[one.name] * history.MICROSECONDS_PER_HOUR)
    return Steps(kinds, _rows(spine, values, at, entity, kinds, facts.schema), len(spine))


def empty_values(windows: Mapping[str, Mapping[str, object]]) -> tuple[float | None, ...]:
    """What the windows say of an entity of which nothing counts.

    >>> empty_values({"a": {"take": "mean"}, "b": {"take": "count"}})
    (None, 0.0)
    """
    return tuple(0.0 if one["take"] == "count" else None for one in windows.values())


def _rows(
    spine: pd.DataFrame,
    values: pd.DataFrame,
    at: "np.ndarray[Any, np.dtype[np.int64]]",
    entity: Sequence[str],
    kinds: Sequence[KeyKind],
    schema: pa.Schema,
) -> Iterator[tuple[Any, ...]]:
    columns = [pa.chunked_array([pa.array(spine[name], type=schema.field(name).type)]) for name in entity]
    parts = [values_of(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    keys = parts[0] if len(parts) == 1 else [joined(one) for one in zip(*parts, strict=True)]
    numbers = [values[name].to_numpy().tolist() for name in values.columns]
    return zip(keys, at.tolist(), [None] * len(keys), *numbers, strict=True)
