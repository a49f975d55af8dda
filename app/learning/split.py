"""Train and test rows: the newest months with a purge gap, or a seeded share of rows, strata or groups; and checks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

import numpy as np
import pandas as pd

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Problem, Split

Places = np.ndarray[Any, np.dtype[np.int64]]
Codes = np.ndarray[Any, np.dtype[np.int64]]
TRAIN, TEST = 1, 2


@dataclass(frozen=True)
class Window:
    """The first and last moment of some rows, or None where there is no time."""

    start: datetime | None
    end: datetime | None

    def as_json(self) -> list[str | None]:
        """ISO 8601 texts."""
        return [moment.isoformat() if moment else None for moment in (self.start, self.end)]


@dataclass(frozen=True)
class Parts:
    """Row places of train and test, what was purged between them, and a digest that tells two splits apart."""

    train: Places
    test: Places
    purged: int
    digest: str
    train_window: Window
    test_window: Window


def split(frame: pd.DataFrame, rule: Split, problem: Problem, *, codes: "np.ndarray[Any, Any] | None" = None) -> Parts:
    """Divide labelled rows; `codes` are class places for stratifying.

    Raises BadInput when a side is empty, when an entity stands on both sides, or when there is one month only.
    """
    if len(frame) < 2:
        raise BadInput(f"{len(frame)} labelled rows cannot be split", next_step="trainmaster data ingest")
    times = event_times(frame, problem)
    classes = codes if problem.task is not Task.REGRESSION else None
    match rule.kind:
        case "time":
            assert times is not None
            train, test = _by_time(frame, times, rule, problem)
        case "random":
            train, test = _at_random(len(frame), rule, classes)
        case "stratified":
            train, test = _at_random(len(frame), rule, _strata(frame, rule.strata, classes))
        case "group":
            train, test = _by_group(frame, rule)
        case _:
            assert_never(rule.kind)
    purged = len(frame) - len(train) - len(test)
    if len(train) == 0 or len(test) == 0:
        side = "training" if len(train) == 0 else "test"
        raise BadInput(f"the split leaves no {side} rows", where="split", next_step="change [split] in project.toml")
    parts = Parts(
        train, test, purged, digest_of(rule, train, test, len(frame)), _window(times, train), _window(times, test)
    )
    refuse_leaks(frame, parts, rule, problem)
    return parts


def sides_of(train: Places, test: Places, rows: int) -> "np.ndarray[Any, np.dtype[np.int8]]":
    """For each row 1 (train), 2 (test) or 0 (left out).

    >>> sides_of(np.array([0]), np.array([2]), 3).tolist()
    [1, 0, 2]
    """
    sides = np.zeros(rows, dtype=np.int8)
    sides[train], sides[test] = TRAIN, TEST
    return sides


def digest_of(rule: Split, train: Places, test: Places, rows: int) -> str:
    """SHA-256 of the rule and of the side of every row."""
    return hashlib.sha256(rule.model_dump_json().encode() + sides_of(train, test, rows).tobytes()).hexdigest()


def refuse_leaks(frame: pd.DataFrame, parts: Parts, rule: Split, problem: Problem) -> None:
    """Raise BadInput when training could know what it is tested on, whatever made the split.

    The same entity or group on both sides; in a split by time a training row inside the gap before the test window, or
    one whose label became known inside the window.
    """
    refuse_overlap(frame, parts.train, parts.test, problem.entity)
    if rule.kind == "group":
        refuse_overlap(frame, parts.train, parts.test, rule.group, where="split.group")
    times = event_times(frame, problem)
    if rule.kind != "time" or times is None:
        return
    begins = times.iloc[parts.test].min()
    latest = times.iloc[parts.train].max()
    if latest > begins - pd.Timedelta(hours=rule.gap_hours):
        raise BadInput(
            f"a training row of {latest:%Y-%m-%d %H:%M} lies less than {rule.gap_hours:g} h before the test window, "
            f"which begins at {begins:%Y-%m-%d %H:%M}",
            where="split.gap_hours",
            next_step="make the split again: trainmaster features training-set create NAME",
        )
    if problem.label_time is not None and problem.label_time in frame.columns:
        known = pd.to_datetime(frame[problem.label_time].iloc[parts.train], utc=True)
        if (known >= begins).any():
            raise BadInput(
                f"{int((known >= begins).sum()):,} training rows have a label that became known in the test window",
                where="problem.label_time",
                next_step="make the split again: trainmaster features training-set create NAME",
            )


def refuse_overlap(
    frame: pd.DataFrame, train: Places, test: Places, entity: Sequence[str], *, where: str = "problem.entity"
) -> None:
    """Raise BadInput when the same entity stands in train and in test; without entity columns nothing can be said."""
    if not entity:
        return
    absent = [name for name in entity if name not in frame.columns]
    if absent:
        raise BadInput(
            f"the column {absent[0]} is not in the training frame",
            where=where,
            next_step="return it from the spine function in features.py",
        )
    twice = _shared_texts(frame[entity[0]], train, test) if len(entity) == 1 else None
    if twice is None:
        twice = _shared_keys(frame, entity, train, test)
    example = frame.iloc[twice[:1]][list(entity)].to_numpy().tolist()
    if example:
        raise BadInput(
            f"{', '.join(entity)} {', '.join(map(str, example[0]))[:80]!r} stands in the training and in the test rows",
            where=where,
            next_step=f"name the columns that make a row unique in {where}, or remove duplicates in features.py",
        )


def _shared_texts(column: "pd.Series[Any]", train: Places, test: Places) -> Places | None:
    """Train places of Arrow texts that stand in test too (one hash table of the test rows), None for other types."""
    if not isinstance(column.dtype, pd.StringDtype):
        return None
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(column.array)
    shared = pc.is_in(values, value_set=values.take(pa.array(test)), skip_nulls=True).to_numpy(zero_copy_only=False)
    return np.asarray(train[shared[train]])


def _shared_keys(frame: pd.DataFrame, entity: Sequence[str], train: Places, test: Places) -> Places:
    codes, missing = np.zeros(len(frame), dtype=np.int64), np.ones(len(frame), dtype=bool)
    for name in entity:
        own, values = pd.factorize(frame[name], use_na_sentinel=True)
        missing &= own < 0
        codes = pd.factorize(codes * (len(values) + 1) + own)[0]
    trained = np.zeros(int(codes.max()) + 1, dtype=bool)
    trained[codes[train]] = True
    return np.asarray(test[trained[codes[test]] & ~missing[test]])


def rows_at(frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Some rows of a frame: without a copy where they lie side by side, as they do in a split by time.

    >>> rows_at(pd.DataFrame({"a": [1, 2, 3]}), np.array([1, 2]))["a"].tolist()
    [2, 3]
    """
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return frame.iloc[int(places[0]) : int(places[-1]) + 1]
    return frame.iloc[places]


def event_times(frame: pd.DataFrame, problem: Problem) -> "pd.Series[Any] | None":
    """The event times in UTC, or None when the problem has none; raises BadInput when one is missing."""
    if problem.event_time is None:
        return None
    if problem.event_time not in frame.columns:
        raise BadInput(
            f"the event time {problem.event_time} is not in the training frame",
            where="problem.event_time",
            next_step="return it from the spine function in features.py",
        )
    times = pd.to_datetime(frame[problem.event_time], utc=True)
    if times.isna().any():
        raise BadInput(
            f"{int(times.isna().sum())} rows have no event time",
            where=problem.event_time,
            next_step="clean them in features.py",
        )
    return times


def _by_time(frame: pd.DataFrame, times: "pd.Series[Any]", rule: Split, problem: Problem) -> tuple[Places, Places]:
    """Months are counted back from the newest row; calendar months would make a window of a last local evening."""
    cutoff = times.max() - pd.DateOffset(months=rule.test_months)
    if times.min() > cutoff:
        raise BadInput(
            f"all rows lie in the {rule.test_months} newest month(s): none is left before {cutoff:%Y-%m-%d}",
            where="split.test_months",
            next_step='bring more months (trainmaster data ingest), or set split.kind = "random"',
        )
    train = (times <= cutoff - pd.Timedelta(hours=rule.gap_hours)).to_numpy(copy=True)
    if rule.train_months is not None:
        train &= (times >= cutoff - pd.DateOffset(months=rule.train_months)).to_numpy()
    if problem.label_time is not None and problem.label_time in frame.columns:
        known = pd.to_datetime(frame[problem.label_time], utc=True)
        train &= (known <= cutoff).to_numpy() | known.isna().to_numpy()
    return np.flatnonzero(train), np.flatnonzero((times > cutoff).to_numpy())


def _at_random(rows: int, rule: Split, codes: "np.ndarray[Any, Any] | None") -> tuple[Places, Places]:
    generator = np.random.default_rng(rule.seed)
    chosen = np.zeros(rows, dtype=bool)
    groups = [np.arange(rows)] if codes is None else [np.flatnonzero(codes == code) for code in np.unique(codes)]
    for group in groups:
        count = round(len(group) * rule.test_share)
        count = min(max(count, 1), len(group) - 1) if len(group) > 1 else 0
        chosen[generator.permutation(group)[:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _strata(frame: pd.DataFrame, columns: Sequence[str], classes: "np.ndarray[Any, Any] | None") -> Codes:
    """One whole number for each combination of the columns' values and the class; missing is a value too."""
    codes = np.zeros(len(frame), dtype=np.int64) if classes is None else pd.factorize(classes)[0].astype(np.int64)
    for name in columns:
        own, values = pd.factorize(_split_column(frame, name, "split.strata"), use_na_sentinel=False)
        codes = pd.factorize(codes * len(values) + own)[0].astype(np.int64)
    return codes


def _by_group(frame: pd.DataFrame, rule: Split) -> tuple[Places, Places]:
    """Groups go to the test side in a seeded order until it has its share; a row without a group is one of its own."""
    codes, missing = np.zeros(len(frame), dtype=np.int64), np.ones(len(frame), dtype=bool)
    for name in rule.group:
        own, values = pd.factorize(_split_column(frame, name, "split.group"), use_na_sentinel=True)
        missing &= own < 0
        codes = pd.factorize(codes * (len(values) + 1) + own)[0].astype(np.int64)
    codes[missing] = codes.max(initial=0) + 1 + np.arange(int(missing.sum()))
    _, codes, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise BadInput(
            f"all rows belong to one group of {', '.join(rule.group)}",
            where="split.group",
            next_step="choose other columns for split.group",
        )
    order = np.random.default_rng(rule.seed).permutation(len(sizes))
    full = int(np.searchsorted(np.cumsum(sizes[order]), len(frame) * rule.test_share))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[: min(max(full, 1), len(sizes) - 1)]] = True
    return np.flatnonzero(~chosen[codes]), np.flatnonzero(chosen[codes])


def _split_column(frame: pd.DataFrame, name: str, where: str) -> "pd.Series[Any]":
    if name not in frame.columns:
        raise BadInput(
            f"the column {name} is not in the training frame",
            where=where,
            next_step="return it from the spine function in features.py, or from a view",
        )
    return frame[name]


def _window(times: "pd.Series[Any] | None", places: Places) -> Window:
    if times is None:
        return Window(None, None)
    part = times.iloc[places]
    first, last = part.min().floor("us"), part.max().floor("us")
    return Window(first.to_pydatetime().astimezone(UTC), last.to_pydatetime().astimezone(UTC))
