"""The data requirement of a source: which rows keep it, and which rule the others break."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from app.data.types import Broken, Mask, quoted, typed
from app.domain.errors import BadInput
from app.domain.project import ColumnRule, Source
from app.domain.text import visible

if TYPE_CHECKING:
    import pandera.pandas as pandera


@dataclass(frozen=True)
class Rejected:
    """A row that broke the contract: its position from 0, the first rule that it broke, and all reasons."""

    row: int
    rule: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """The typed rows that kept the contract, and those that did not; together they are all rows."""

    accepted: pd.DataFrame
    rejected: tuple[Rejected, ...]


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
    broken += _by_rules(converted, source.columns)
    broken += _repeated(converted, source)
    if not broken:
        return Checked(converted, ())
    bad = np.logical_or.reduce([found.rows for found in broken])
    accepted = converted[~bad].reset_index(drop=True)
    return Checked(accepted, tuple(_rejected(frame, broken, source)))


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


def pandera_schema(source: Source) -> "pandera.DataFrameSchema":
    """The value rules of a contract as a pandera schema, for notebooks and tests of typed frames.

    `check` has masks of its own: they say why each row is out, and take a tenth of the time. A property test holds the
    two together. Uniqueness is not in it: pandera counts missing values as equal, a contract does not.
    """
    import pandera.pandas as pandera

    fields: dict[str, Any] = {}
    for name, rule in source.columns.items():
        checks: list[Any] = []
        if rule.minimum is not None:
            checks.append(pandera.Check.ge(rule.minimum))
        if rule.maximum is not None:
            checks.append(pandera.Check.le(rule.maximum))
        if rule.allowed is not None:
            checks.append(pandera.Check.isin(list(rule.allowed)))
        fields[name] = pandera.Column(checks=checks, nullable=not rule.required, required=rule.required)
    return pandera.DataFrameSchema(fields)


def _by_rules(frame: pd.DataFrame, rules: dict[str, ColumnRule]) -> list[Broken]:
    found: list[Broken] = []
    for name, rule in rules.items():
        if name not in frame.columns:
            continue
        values = frame[name]
        missing = values.isna().to_numpy()
        masks = [("required", missing)] if rule.required else []
        if rule.minimum is not None or rule.maximum is not None:
            masks += _out_of_range(name, values, rule)
        if rule.allowed is not None:
            masks.append(("allowed", ~values.isin(list(rule.allowed)).to_numpy(dtype=bool) & ~missing))
        found += [Broken(name, kind, rows, _words(kind, rule)) for kind, rows in masks if rows.any()]
    return found


def _out_of_range(name: str, values: pd.Series, rule: ColumnRule) -> list[tuple[str, Mask]]:
    if not pd.api.types.is_numeric_dtype(values.dtype):
        if values.isna().all():
            return []
        raise BadInput(
            "a minimum or maximum was set, but the column holds no numbers",
            where=f"column {visible(name)}",
            next_step='declare type = "number" for it in project.toml',
        )
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    masks: list[tuple[str, Mask]] = []
    if rule.minimum is not None:
        masks.append(("minimum", numbers < rule.minimum))
    if rule.maximum is not None:
        masks.append(("maximum", numbers > rule.maximum))
    return masks


def _words(kind: str, rule: ColumnRule) -> str:
    match kind:
        case "minimum":
            return f"{{value}} is below {quoted(rule.minimum)}"
        case "maximum":
            return f"{{value}} is above {quoted(rule.maximum)}"
        case "allowed":
            some = ", ".join(quoted(value) for value in (rule.allowed or ())[:8])
            return f"{{value}} is not one of {some}"
        case _:
            return ""


def _repeated(frame: pd.DataFrame, source: Source) -> list[Broken]:
    found: list[Broken] = []
    for column, rule in source.columns.items():
        if rule.unique and column in frame.columns:
            rows = (frame[column].notna() & frame[column].duplicated()).to_numpy()
            found.append(Broken(column, "unique", rows, "{value} was there before"))
    if source.unique_key:
        key = list(source.unique_key)
        rows = frame.duplicated(key).to_numpy()
        found.append(Broken(key[0], "unique_key", rows, f"the same {', '.join(map(visible, key))} were there before"))
    return [one for one in found if one.rows.any()]


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
                words = f"{prefix}{one.says.replace('{value}', quoted(value))}{because}"
            reasons.setdefault(row, []).append((f"{one.column}.{one.rule}", words))
    return [Rejected(row, said[0][0], "; ".join(words for _, words in said)) for row, said in sorted(reasons.items())]
