"""Where each value of one row comes from: the row or the facts that gave it, when they happened and became known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from app.domain.errors import BadInput
from app.domain.text import visible
from app.features import as_of, history, offline
from app.features.join import Labels, Pinned, windowed


@dataclass(frozen=True)
class Explained:
    """One feature of one row; times are aware UTC, `facts` counts what a window took, None for a plain view."""

    feature: str
    view: str
    value: float | str | None
    event_time: datetime | None
    created_time: datetime | None
    age_s: float | None
    facts: int | None
    says: str


def explain(row: pd.DataFrame, tables: list[Pinned], labels: Labels) -> list[Explained]:
    """Every feature of the views whose keys are columns of `row`, a frame of one row with its event time."""
    found: list[Explained] = []
    for table in tables:
        if set(table.entity) <= set(row.columns):
            found += _windows(row, table, labels) if table.windows else _newest(row, table, labels)
    return found


def one_row(given: Mapping[str, str], labels: Labels, at: datetime, like: pd.DataFrame) -> pd.DataFrame:
    """A frame of one row out of keys as text, each with the type that it has in `like` (the spine)."""
    values: dict[str, object] = {}
    for key, text in given.items():
        if key in like.columns and pd.api.types.is_numeric_dtype(like[key].dtype):
            try:
                values[key] = [pd.Series([text]).astype(like[key].dtype).iloc[0]]
            except ValueError:
                raise BadInput(
                    f"{visible(key)} is a number, {visible(text, longest=60)!r} is none", next_step="correct --entity"
                ) from None
        else:
            values[key] = [text]
    if labels.event_time is not None:
        values[labels.event_time] = [pd.Timestamp(at).tz_convert("UTC")]
    return pd.DataFrame(values)


def _newest(row: pd.DataFrame, table: Pinned, labels: Labels) -> list[Explained]:
    rows = offline.read(table.folder, table.version).to_pandas()
    if table.event_time is not None and labels.event_time is not None:
        at = as_of.positions(
            row,
            rows,
            entity=table.entity,
            spine_time=labels.event_time,
            event_time=table.event_time,
            created_time=table.created_time,
            ttl=table.ttl,
        )[0]
    else:
        at = as_of.by_entity(row, rows, entity=table.entity)[0]
    moment = row[labels.event_time].iloc[0] if labels.event_time is not None else None
    event = _time(rows, table.event_time, at)
    created = _time(rows, table.created_time, at)
    age = (moment - event).total_seconds() if moment is not None and event is not None else None
    limit = f", at most {table.ttl / pd.Timedelta(hours=1):g} h old" if table.ttl is not None else ""
    says = "no row was known" + limit if at < 0 else f"the newest row that was known{limit}" if event else "by key"
    return [
        Explained(column.name, table.name, _value(rows[column.name], at), event, created, age, None, says)
        for column in table.columns
    ]


def _windows(row: pd.DataFrame, table: Pinned, labels: Labels) -> list[Explained]:
    assert labels.event_time is not None
    assert table.event_time is not None
    values = windowed(row, table, labels)
    facts = offline.read(table.folder, table.version).to_pandas()
    moment = row[labels.event_time].iloc[0]
    for key in table.entity:
        facts = facts[facts[key] == row[key].iloc[0]]
    created = facts[table.created_time] if table.created_time is not None else facts[table.event_time]
    facts = facts[(created <= moment) & (facts[table.event_time] <= moment)]
    return [_of_window(table, one, facts, moment, float(values[one.name].iloc[0])) for one in table.windows]


def _of_window(
    table: Pinned, window: history.Aggregate, facts: pd.DataFrame, moment: pd.Timestamp, value: float
) -> Explained:
    assert table.event_time is not None
    counted = facts[moment - facts[table.event_time] <= window.window]
    if window.of is not None:
        counted = counted[counted[window.of].notna()]
    times = [table.event_time, *([table.created_time] if table.created_time else [])]
    newest = counted.sort_values(times, kind="stable").tail(1)
    event = _time(newest, table.event_time, 0 if len(newest) else -1)
    created = _time(newest, table.created_time, 0 if len(newest) else -1)
    age = (moment - event).total_seconds() if event is not None else None
    hours = window.window / pd.Timedelta(hours=1)
    says = f"{window.take}{f' of {window.of}' if window.of else ''} over {len(counted):,} facts of the last {hours:g} h"
    return Explained(
        window.name, table.name, None if np.isnan(value) else value, event, created, age, len(counted), says
    )


def _time(rows: pd.DataFrame, column: str | None, at: int) -> datetime | None:
    if column is None or at < 0:
        return None
    value = rows[column].iloc[at]
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def _value(values: pd.Series, at: int) -> float | str | None:
    if at < 0 or pd.isna(values.iloc[at]):
        return None
    value = values.iloc[at]
    return float(value) if isinstance(value, int | float | np.number | np.bool_) else str(value)
