"""The data requirement of a source: which rows keep it, and which rule the others break."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from app.data.schema import failures
from app.data.types import Broken, quoted, typed
from app.domain.errors import BadInput
from app.domain.project import ColumnRule, Source
from app.domain.source_age import source_age
from app.domain.text import visible


@dataclass(frozen=True)
class Rejected:
    """A row that broke the contract: its position from 0, the first rule that it broke, and all reasons."""

    row: int
    rule: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """The typed rows that kept the contract, and those that did not; together they are all rows.

    `whole` are all rows, typed; `batch` says which rules the batch breaks as a whole (null share, row count): then it
    is to be refused.
    """

    accepted: pd.DataFrame
    rejected: tuple[Rejected, ...]
    whole: pd.DataFrame
    batch: tuple[str, ...] = ()


def check(frame: pd.DataFrame, source: Source, *, name: str, where: str) -> Checked:
    """Split rows by the contract of `source`; raises BadInput when a required column is not there.

    >>> rules = {"age": ColumnRule(type="integer", required=True, minimum=0)}
    >>> frame = pd.DataFrame({"age": ["31", "x", "-4", None]})
    >>> checked = check(frame, Source(path="*.csv", columns=rules), name="people", where="a.csv")
    >>> checked.accepted["age"].tolist(), [(bad.row, bad.reason) for bad in checked.rejected]
    ([31.0], [(1, "age: 'x' is not a whole number"), (2, "age: '-4' is below 0"), (3, 'age is missing')])
    """
    require_columns([str(column) for column in frame.columns], source, name=name, where=where)
    frame = frame.reset_index(drop=True)
    converted, broken = typed(frame, source.columns, source.timezone)
    _require_numbers(converted, source.columns)
    by_schema, batch = failures(converted, source)
    broken += by_schema
    if not broken:
        return Checked(converted, (), converted, tuple(batch))
    bad = np.logical_or.reduce([found.rows for found in broken])
    accepted = converted[~bad].reset_index(drop=True)
    return Checked(accepted, tuple(_rejected(frame, broken, source)), converted, tuple(batch))


def require_columns(columns: Sequence[str], source: Source, *, name: str, where: str) -> None:
    """Raise BadInput when a column that the requirement (or the unique key, or the time) names is not there."""
    needed = [*(column for column, rule in source.columns.items() if rule.required), *source.unique_key]
    needed += [source.time] if source.time else []
    for column in needed:
        if column not in columns:
            rule = source.columns.get(column)
            because = f" ({visible(rule.reason, longest=120)})" if rule and rule.reason else ""
            raise BadInput(
                f"the required column {visible(column)!r} is not there{because}: "
                f"[sources.{name}.columns.{visible(column)}] of project.toml requires it",
                where=where,
                next_step="deliver the column, or change the requirement in project.toml",
            )


def stale(newest: datetime | None, source: Source, *, now: datetime) -> str:
    """Why the newest row is older than the requirement allows; nothing when it is fresh, or when no limit is set.

    >>> from datetime import UTC
    >>> source = Source(path="*.csv", time="at", max_age_hours=24)
    >>> stale(datetime(2013, 1, 1, tzinfo=UTC), source, now=datetime(2013, 1, 3, tzinfo=UTC))
    'the newest row of the batch is 48 h old, at most 24 h are allowed'
    """
    age = source_age("the batch", newest, source.max_age_hours, at=now)
    return age.says if newest is not None and age.is_stale else ""


def _require_numbers(frame: pd.DataFrame, rules: dict[str, ColumnRule]) -> None:
    for name, rule in rules.items():
        if name not in frame.columns or (rule.minimum is None and rule.maximum is None):
            continue
        values = frame[name]
        if not pd.api.types.is_numeric_dtype(values.dtype) and not values.isna().all():
            raise BadInput(
                "a minimum or maximum was set, but the column holds no numbers",
                where=f"column {visible(name)}",
                next_step='declare type = "number" for it in project.toml',
            )


def _rejected(frame: pd.DataFrame, broken: Sequence[Broken], source: Source) -> list[Rejected]:
    reasons: dict[int, list[tuple[str, str]]] = {}
    for one in broken:
        rule = source.columns.get(one.column)
        because = f" ({rule.reason})" if rule and rule.reason else ""
        at = np.flatnonzero(one.rows)
        values = frame[one.column].iloc[at].tolist() if "{value}" in one.says else [None] * len(at)
        shown = visible(one.column, longest=60)
        for row, value in zip(at.tolist(), values, strict=True):
            if one.rule == "required":
                if any(said.startswith(f"{one.column}.") for said, _ in reasons.get(row, [])):
                    continue
                words = f"{shown} is missing{because}"
            else:
                prefix = "" if one.rule == "unique_key" else f"{shown}: "
                value_words = "a value" if rule is not None and rule.is_private else quoted(value)
                words = f"{prefix}{one.says.replace('{value}', value_words)}{because}"
            reasons.setdefault(row, []).append((f"{one.column}.{one.rule}", words))
    return [Rejected(row, said[0][0], "; ".join(words for _, words in said)) for row, said in sorted(reasons.items())]
