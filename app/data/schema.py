"""The data requirement as a pandera schema, and the rows that it turns away."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError, SchemaErrors

from app.data.types import Broken, Mask, is_text, quoted
from app.domain.project import ColumnRule, Source
from app.domain.text import visible

WHOLE_KEY = "unique_key"
OF_VALUES = ("required", "minimum", "maximum", "allowed", "unique")
"""The rules of a column, in the order in which they are said."""


def schema_of(source: Source) -> pandera.DataFrameSchema:
    """The requirement of a source as a pandera schema over typed columns; every check is named after its rule.

    Rows: `required`, `minimum`, `maximum`, `allowed`, `unique` of a column, `unique_key` of a frame. Batches:
    `type` and `max_missing_share` of a column, `batch_rows` of a frame. Text becomes typed columns by
    `app.data.types.typed`; freshness needs a clock and is judged by `app.data.contract.stale`.

    >>> schema = schema_of(Source(path="*.csv", columns={"age": ColumnRule(type="integer", minimum=0)}))
    >>> [check.error for check in schema.columns["age"].checks]
    ['type', 'minimum']
    """
    return _schema(source.model_dump_json())


@lru_cache(maxsize=16)
def _schema(source: str) -> pandera.DataFrameSchema:
    declared = Source.model_validate_json(source)
    columns = {
        name: pandera.Column(checks=_checks(rule), nullable=not rule.required, required=rule.required)
        for name, rule in declared.columns.items()
    }
    whole: list[Any] = []
    if declared.unique_key:
        whole.append(_check(partial(_first_of_key, list(declared.unique_key)), WHOLE_KEY, ignore_na=False))
    if declared.minimum_batch_rows or declared.maximum_batch_rows is not None:
        most = declared.maximum_batch_rows
        whole.append(_check(partial(_has_rows, declared.minimum_batch_rows, most), "batch_rows"))
    return pandera.DataFrameSchema(columns, checks=whole)


def failures(frame: pd.DataFrame, source: Source) -> tuple[list[Broken], list[str]]:
    """The rows that each rule turns away, in the order of the requirement, and what is wrong with the batch as a whole.

    `frame` is typed and has the index 0, 1, 2 ...
    """
    try:
        schema_of(source).validate(frame, lazy=True)
    except SchemaErrors as found:
        return _sorted_out(found.schema_errors, frame, source)
    return [], []


def _sorted_out(errors: list[SchemaError], frame: pd.DataFrame, source: Source) -> tuple[list[Broken], list[str]]:
    rows: dict[tuple[str, str], Mask] = {}
    batch: list[str] = []
    for error in errors:
        rule = "required" if error.check == "not_nullable" else str(getattr(error.check, "error", error.check))
        column = str(error.schema.name) if isinstance(error.schema, pandera.Column) else ""
        at = None if rule in ("type", "max_missing_share", "batch_rows") else error.failure_cases["index"]
        if at is None or at.isna().any():
            batch.append(_batch_words(column, rule, frame, source))
            continue
        mask = rows.setdefault((column, rule), np.zeros(len(frame), dtype=bool))
        mask[at.to_numpy(dtype=np.intp)] = True
    found = []
    for name, rules in source.columns.items():
        kept = [(rule, rows[name, rule]) for rule in OF_VALUES if (name, rule) in rows]
        found += [Broken(name, rule, mask, _words(rule, rules)) for rule, mask in kept]
    if ("", WHOLE_KEY) in rows:
        key = ", ".join(map(visible, source.unique_key))
        found.append(Broken(source.unique_key[0], WHOLE_KEY, rows["", WHOLE_KEY], f"the same {key} were there before"))
    return found, batch


def _checks(rule: ColumnRule) -> list[Any]:
    checks: list[Any] = []
    if rule.type is not None:
        checks.append(_check(partial(_is_typed, rule.type), "type"))
    if rule.minimum is not None:
        checks.append(pandera.Check.ge(rule.minimum, error="minimum"))
    if rule.maximum is not None:
        checks.append(pandera.Check.le(rule.maximum, error="maximum"))
    if rule.allowed is not None:
        checks.append(pandera.Check.isin(list(rule.allowed), error="allowed"))
    if rule.unique:
        checks.append(_check(_first_of_value, "unique"))
    if rule.max_missing_share is not None:
        checks.append(_check(partial(_is_filled, rule.max_missing_share), "max_missing_share", ignore_na=False))
    return checks


def _check(function: Callable[..., Any], name: str, *, ignore_na: bool = True) -> pandera.Check:
    return pandera.Check(function, name=name, error=name, ignore_na=ignore_na)


def _is_typed(kind: str, values: pd.Series) -> bool:
    if values.isna().all():
        return True
    match kind:
        case "number" | "integer":
            return bool(pd.api.types.is_numeric_dtype(values.dtype))
        case "boolean":
            return bool(pd.api.types.is_bool_dtype(values.dtype))
        case "time":
            return bool(pd.api.types.is_datetime64_any_dtype(values.dtype))
        case _:
            return is_text(values)


def _first_of_value(values: pd.Series) -> pd.Series:
    return ~values.duplicated()


def _is_filled(most: float, values: pd.Series) -> bool:
    return not len(values) or float(values.isna().mean()) <= most


def _first_of_key(key: list[str], frame: pd.DataFrame) -> pd.Series:
    return ~frame.duplicated(key)


def _has_rows(least: int, most: int | None, frame: pd.DataFrame) -> bool:
    return least <= len(frame) and (most is None or len(frame) <= most)


def _words(rule: str, declared: ColumnRule) -> str:
    match rule:
        case "minimum":
            return f"{{value}} is below {quoted(declared.minimum)}"
        case "maximum":
            return f"{{value}} is above {quoted(declared.maximum)}"
        case "allowed":
            some = ", ".join(quoted(value) for value in (declared.allowed or ())[:8])
            return f"{{value}} is not one of {some}"
        case "unique":
            return "{value} was there before"
        case _:
            return ""


def _batch_words(column: str, rule: str, frame: pd.DataFrame, source: Source) -> str:
    declared = source.columns.get(column)
    if rule == "max_missing_share" and declared is not None and declared.max_missing_share is not None:
        share = float(frame[column].isna().mean())
        return (
            f"{visible(column)}: {share:.1%} of the values are missing, at most {declared.max_missing_share:.1%} may be"
        )
    if rule == "batch_rows":
        least, most = source.minimum_batch_rows, source.maximum_batch_rows
        bounds = f"at least {least:,}" if len(frame) < least else f"at most {most:,}"
        return f"it has {len(frame):,} rows, {bounds} are asked for"
    return f"{visible(column)}: the rule {visible(rule)} is broken"
