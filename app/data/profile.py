"""The profile of a snapshot: what each column holds, how it goes with the target, and which columns know the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.data import distributions
from app.data.distributions import Codes, Histogram, Numbers
from app.data.leaks import Hint, LabelledColumn, hints_of, unknown_answers
from app.data.target import NO_TARGET, Target
from app.domain.problem import Task
from app.domain.project import ColumnRule, canonical_json

FORMAT = 2


@dataclass(frozen=True)
class ColumnProfile:
    """One column; numbers are finite or None, times are ISO 8601 text; a private column has counts only."""

    name: str
    kind: str
    privacy: str
    missing: int
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    top: tuple[tuple[str, int], ...] = ()
    correlation: float | None = None


@dataclass(frozen=True)
class Coverage:
    """How many rows have an answer; `labelled` is None when the source holds no label."""

    name: str
    task: str
    labelled: int | None
    rows: int
    says: str


@dataclass(frozen=True)
class Profile:
    """What a snapshot holds, with its books: rows in = rows + quarantined."""

    rows_in: int
    rows: int
    duplicates: int
    quarantined: Mapping[str, int]
    target: Coverage
    columns: tuple[ColumnProfile, ...]
    hints: tuple[Hint, ...]
    format: int = field(default=FORMAT)

    def as_json(self) -> bytes:
        """Canonical JSON without NaN: the same profile has the same bytes."""
        return canonical_json(asdict(self)).encode()


def profile(
    table: pa.Table,
    rules: Mapping[str, ColumnRule] | None = None,
    *,
    target: Target = NO_TARGET,
    whole: pd.DataFrame | None = None,
    accepted: npt.NDArray[np.bool_] | None = None,
    quarantined: Mapping[str, int] | None = None,
) -> Profile:
    """The profile of accepted rows; `whole` are all delivered rows, of which `accepted` says which are in `table`.

    >>> found = profile(pa.table({"age": [31.0, None, 31.0]}), {"age": ColumnRule(privacy="public")})
    >>> age = found.columns[0]
    >>> age.kind, age.missing, age.distinct, age.mean, found.duplicates
    ('number', 1, 1, 31.0, 1)
    """
    answers = _answers(target, accepted, table.num_rows)
    columns, codes, labelled = [], [], []
    for name in table.column_names:
        rule = (rules or {}).get(name, ColumnRule())
        one, numbered, numbers = _column(name, table[name], rule, answers)
        columns.append(one)
        codes.append(numbered)
        labelled.append(LabelledColumn(name, one.kind, numbers, numbered if one.kind in ("text", "boolean") else None))
    out = dict(quarantined or {})
    hints = hints_of(labelled, answers, target, whole) if answers is not None else ()
    return Profile(
        rows_in=table.num_rows + sum(out.values()),
        rows=table.num_rows,
        duplicates=distributions.duplicate_rows(codes, table.num_rows),
        quarantined=out,
        target=_coverage(target, hints, table, whole),
        columns=tuple(columns),
        hints=hints,
    )


def _coverage(target: Target, hints: Sequence[Hint], table: pa.Table, whole: pd.DataFrame | None) -> Coverage:
    rows = table.num_rows if whole is None else len(whole)
    if target.values is None:
        return Coverage(target.name, str(target.task), None, rows, target.says)
    made_of = [] if whole is None else [hint.column for hint in hints if hint.kind == "answer"]
    unknown = unknown_answers(pd.DataFrame() if whole is None else whole, target.values, made_of)
    return Coverage(target.name, str(target.task), int((~unknown).sum()), rows, target.says)


def _answers(target: Target, accepted: npt.NDArray[np.bool_] | None, rows: int) -> Numbers | None:
    """The target of the accepted rows as numbers: of two values the rarer is 1; classes are numbered."""
    if target.values is None:
        return None
    values = target.values if accepted is None else target.values[accepted]
    if len(values) != rows:
        return None
    if target.task is Task.REGRESSION:
        numbers: Numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        return numbers
    codes, _ = pd.factorize(values, sort=True)
    return np.where(codes < 0, np.nan, codes).astype("float64")


def _column(
    name: str, values: pa.ChunkedArray, rule: ColumnRule, answers: Numbers | None
) -> tuple[ColumnProfile, Codes, Numbers | None]:
    kind, missing = values.type, values.null_count
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = values.to_numpy().astype("float64", copy=False)
        found = distributions.spread(numbers)
        going = distributions.correlation(numbers, answers) if answers is not None else None
        missing += int(np.isnan(numbers).sum()) if missing == 0 else 0
        one = ColumnProfile(
            name, "number", rule.privacy, missing, found.distinct, found.minimum, found.maximum, found.mean,
            found.deviation, found.quantiles, found.histogram, found.top, going,
        )  # fmt: skip
        return _shown(one, rule), numbers.view(np.int64), numbers
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        moments = pc.cast(values, pa.timestamp("us", tz=getattr(kind, "tz", None))).cast(pa.int64())
        numbers = moments.to_numpy().astype("float64", copy=False)
        found = distributions.spread(numbers)
        one = ColumnProfile(
            name, "time", rule.privacy, missing, found.distinct, _iso(found.minimum), _iso(found.maximum),
            histogram=found.histogram,
        )  # fmt: skip
        return _shown(one, rule), numbers.view(np.int64), numbers
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        distinct, top = distributions.most_frequent(values)
        codes = _codes(values)
        going = distributions.correlation_ratio(codes, answers) if answers is not None else None
        word = "boolean" if pa.types.is_boolean(kind) else "text"
        return (
            _shown(ColumnProfile(name, word, rule.privacy, missing, distinct, top=top, correlation=going), rule),
            codes,
            None,
        )
    distinct = int(pc.count_distinct(values).as_py()) if not pa.types.is_nested(kind) else 0
    return ColumnProfile(name, "other", rule.privacy, missing, distinct), _codes(values), None


def _codes(values: pa.ChunkedArray) -> Codes:
    """Equal numbers for equal values; -1 for missing ones."""
    if pa.types.is_null(values.type) or pa.types.is_nested(values.type):
        return np.full(len(values), -1, dtype=np.int64)
    encoded = pc.dictionary_encode(values.combine_chunks())
    numbered: Codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbered


def _shown(column: ColumnProfile, rule: ColumnRule) -> ColumnProfile:
    """A private column keeps its counts only."""
    if not rule.is_private:
        return column
    return ColumnProfile(column.name, column.kind, column.privacy, column.missing, column.distinct)


def _iso(microseconds: float | None) -> str | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()


__all__ = ["ColumnProfile", "Coverage", "Profile", "profile"]
