"""Windowed history: what had happened in the last hours, as known at each row's moment; exact, in numpy.

A fact counts for a row of the spine from when it was known (the later of event and created time) until its event is
older than the window. In the order of (entity, moment) that is one stretch of rows, so a fact is two binary searches;
sums are running sums of whole numbers over the ends of the stretches, and the greatest value over all stretches that
cover a row comes from a table of powers of two, filled from the longest to the shortest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.domain.errors import BadInput
from app.domain.text import visible
from app.features.as_of import NEVER, Codes, Positions, in_order, matched_keys, microseconds

Take = Literal["count", "sum", "mean", "min", "max", "last", "age"]
Numbers = npt.NDArray[np.float64]
LIMB_BITS = 40
"""How many bits of a value each of its whole numbers holds; a running sum of them has 22 bits to spare."""
LIMBS = 4
MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Aggregate:
    """One feature: what is taken of a column of the facts over the last hours; `count` and `age` need no column.

    `mean` of a truth value is a share. `last` is the value of the newest event, `age` the hours since that event.
    """

    name: str
    take: Take
    of: str | None
    window: pd.Timedelta


@dataclass(frozen=True)
class Stretches:
    """For each usable fact the stretch of rows (in the order of entity and moment) in which it counts."""

    facts: Positions
    begin: Positions
    end: Positions
    moments: Positions  # of the rows, in that order
    events: Positions  # of the facts

    def only(self, kept: npt.NDArray[np.bool_]) -> "Stretches":
        """Some of the facts."""
        return Stretches(self.facts[kept], self.begin[kept], self.end[kept], self.moments, self.events[kept])


def over_windows(
    spine: pd.DataFrame,
    facts: pd.DataFrame,
    *,
    entity: Sequence[str],
    spine_time: str,
    event_time: str,
    created_time: str | None = None,
    aggregates: Sequence[Aggregate],
    codes: dict[str, Codes] | None = None,
) -> pd.DataFrame:
    """One column of float64 an aggregate, one row a row of the spine; a row for which nothing counts has NaN (count 0).

    An event of exactly the window's age still counts. Facts without key, event, created time or value never do.
    `codes` keeps the numbers of key columns for the next call with the same two frames. Raises BadInput for an infinite
    value, and for keys of two kinds.

    >>> spine = pd.DataFrame({"k": ["a", "a"], "t": pd.to_datetime(["2013-01-01 12:00", "2013-01-02 12:00"], utc=True)})
    >>> facts = pd.DataFrame({"k": ["a", "a"], "late": [True, False],
    ...                       "at": pd.to_datetime(["2013-01-01 11:00", "2013-01-01 13:00"], utc=True)})
    >>> day = Aggregate("late_share", "mean", "late", pd.Timedelta(hours=24))
    >>> found = over_windows(spine, facts, entity=["k"], spine_time="t", event_time="at", aggregates=[day])
    >>> found["late_share"].tolist()
    [1.0, 0.0]
    """
    spine_keys, fact_keys = matched_keys(spine, facts, entity, codes)
    moment, event = microseconds(spine[spine_time]), microseconds(facts[event_time])
    created = event if created_time is None else microseconds(facts[created_time])
    rows = np.flatnonzero((spine_keys >= 0) & (moment != NEVER))
    order = rows[in_order(spine_keys[rows], moment[rows])]
    usable = np.flatnonzero((fact_keys >= 0) & (event != NEVER) & (created != NEVER))
    known = np.maximum(event, created)
    usable = usable[in_order(fact_keys[usable], known[usable])]  # neighbours are looked up near each other
    lines = _Lines.of(spine_keys[order], moment[order], fact_keys[usable])
    begin = np.searchsorted(lines.rows, lines.place(known[usable]), side="left")
    found: dict[str, Numbers] = {}
    for window in dict.fromkeys(aggregate.window for aggregate in aggregates):
        leaves = event[usable] + window // pd.Timedelta(microseconds=1)
        end = np.searchsorted(lines.rows, lines.place(leaves, side="right"), side="right")
        counts = end > begin
        facts_counted = usable[counts]
        stretches = Stretches(facts_counted, begin[counts], end[counts], moment[order], event[facts_counted])
        for aggregate in aggregates:
            if aggregate.window == window:
                found[aggregate.name] = np.full(len(spine), 0.0 if aggregate.take == "count" else np.nan)
                found[aggregate.name][order] = _aggregated(stretches, facts, created, aggregate)
    return pd.DataFrame({one.name: found[one.name] for one in aggregates}, index=spine.index)


@dataclass(frozen=True)
class _Lines:
    """Every key's moments one after the other on one line of whole numbers, in the order of key and moment."""

    rows: Positions
    fact_keys: Positions
    first: int
    last: int
    span: int
    steps: Positions | None  # the distinct moments, where moments themselves would not fit

    @classmethod
    def of(cls, keys: Positions, moments: Positions, fact_keys: Positions) -> "_Lines":
        first, last = (int(moments.min()), int(moments.max())) if len(moments) else (0, 0)
        span = last - first + 3
        top = max(int(keys.max(initial=0)), int(fact_keys.max(initial=0)))
        if (top + 1) * span < np.iinfo(np.int64).max:
            return cls(keys * span + (moments - first + 1), fact_keys, first, last, span, None)
        steps = np.unique(moments)
        return cls(
            keys * (steps.size + 2) + np.searchsorted(steps, moments) + 1, fact_keys, 0, 0, steps.size + 2, steps
        )

    def place(self, times: Positions, side: Literal["left", "right"] = "left") -> Positions:
        """Where a time of each fact lies; times outside stay beside their own key."""
        if self.steps is None:
            return self.fact_keys * self.span + (np.clip(times, self.first - 1, self.last + 1) - self.first + 1)
        return self.fact_keys * self.span + np.searchsorted(self.steps, times, side=side) + (side == "left")


def _aggregated(stretches: Stretches, facts: pd.DataFrame, created: Positions, aggregate: Aggregate) -> Numbers:
    """The values in the order of entity and moment."""
    size = len(stretches.moments)
    if aggregate.of is None:
        counted, values = stretches, np.zeros(len(stretches.facts))
    else:
        values = _values(facts, aggregate.of)[stretches.facts]
        there = ~np.isnan(values)
        is_full = bool(there.all())
        counted, values = (stretches, values) if is_full else (stretches.only(there), values[there])
    match aggregate.take:
        case "count":
            return _covering(counted, size).astype(np.float64)
        case "sum" | "mean":
            number = _covering(counted, size)
            total = _exact_sum(counted, values, size)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.where(number > 0, total / number if aggregate.take == "mean" else total, np.nan)
        case "min":
            return -_greatest(counted, -values, size, -np.inf)
        case "max":
            return _greatest(counted, values, size, -np.inf)
        case "last" | "age":
            return _of_newest(counted, values, created, size, is_age=aggregate.take == "age")


def _values(facts: pd.DataFrame, column: str) -> Numbers:
    try:
        values: Numbers = facts[column].to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError):
        raise BadInput(
            f"the column {visible(column)!r} of the facts holds no numbers",
            next_step="make numbers of it in features.py",
        ) from None
    if np.isinf(values).any():
        at = int(np.flatnonzero(np.isinf(values))[0])
        raise BadInput(
            f"the column {visible(column)!r} of the facts is infinite in row {at + 1}",
            next_step="divide safely in features.py",
        )
    return values


def _covering(stretches: Stretches, size: int) -> Positions:
    ends = np.bincount(stretches.begin, minlength=size + 1) - np.bincount(stretches.end, minlength=size + 1)
    return np.cumsum(ends[:size]).astype(np.int64)


def _exact_sum(stretches: Stretches, values: Numbers, size: int) -> Numbers:
    """Sums of whole numbers, limb by limb, so that what leaves a window takes away exactly what it brought."""
    total = np.zeros(size)
    _, exponent = np.frexp(float(np.abs(values).max(initial=0.0)))
    spare = max(len(values).bit_length() - 22, 0)
    bits, rest = LIMB_BITS - spare - int(exponent), values
    for _ in range(LIMBS):
        if not rest.any():
            break
        whole = np.trunc(np.ldexp(rest, bits))
        total += np.ldexp(_running(stretches, whole.astype(np.int64), size).astype(np.float64), -bits)
        rest = rest - np.ldexp(whole, -bits)
        bits += LIMB_BITS - spare
    return total


def _running(stretches: Stretches, parts: Positions, size: int) -> Positions:
    ends = np.zeros(size + 1, np.int64)
    np.add.at(ends, stretches.begin, parts)
    np.subtract.at(ends, stretches.end, parts)
    return np.cumsum(ends[:size])


def _greatest(stretches: Stretches, values: Numbers, size: int, nothing: float) -> Numbers:
    """The greatest value of all stretches that cover a place: two overlapping powers of two make each stretch."""
    length = stretches.end - stretches.begin
    level = np.frexp(length.astype(np.float64))[1] - 1  # the whole part of log2, exactly
    best = np.full(size, nothing)
    for power in range(int(level.max(initial=0)), -1, -1):
        here = level == power
        starts, ends = stretches.begin[here], stretches.end[here]
        np.maximum.at(best, starts, values[here])
        np.maximum.at(best, ends - (1 << power), values[here])
        if power:
            half = 1 << (power - 1)
            pushed = best.copy()
            np.maximum(pushed[half:], best[: size - half], out=pushed[half:])
            best = pushed
    return np.where(best == nothing, np.nan, best)


def _of_newest(stretches: Stretches, values: Numbers, created: Positions, size: int, *, is_age: bool) -> Numbers:
    order = np.lexsort((stretches.facts, created[stretches.facts], stretches.events))
    rank = np.empty(len(order), np.float64)
    rank[order] = np.arange(len(order))
    newest = _greatest(stretches, rank, size, -1.0)
    there = ~np.isnan(newest)
    found = np.full(size, np.nan)
    at = order[newest[there].astype(np.int64)]
    if is_age:
        found[there] = (stretches.moments[there] - stretches.events[at]) / MICROSECONDS_PER_HOUR
    else:
        found[there] = values[at]
    return found


def aggregates_of(record: Mapping[str, Mapping[str, object]]) -> tuple[Aggregate, ...]:
    """Read the windows of a view as a feature set keeps them."""
    return tuple(
        Aggregate(name, _take(one["take"]), _column(one.get("of")), pd.Timedelta(hours=float(str(one["hours"]))))
        for name, one in record.items()
    )


def _take(value: object) -> Take:
    match value:
        case "count" | "sum" | "mean" | "min" | "max" | "last" | "age":
            return value
        case _:
            raise BadInput(f"{visible(value)!r} is no aggregation", next_step="trainmaster features build")


def _column(value: object) -> str | None:
    return None if value is None else str(value)
