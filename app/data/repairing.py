"""Rows that leave quarantine: brought to the types of their snapshot, checked again, put back in their old places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from app.data.contract import Rejected, check
from app.data.json_sieve import row_of
from app.data.snapshots import Packed, pack_table
from app.domain.errors import Refused
from app.domain.project import ColumnRule, Source
from app.domain.states import UNREADABLE
from app.domain.text import visible

Kind = Literal["integer", "number", "text", "boolean", "time"]


@dataclass(frozen=True)
class Candidate:
    """A row that is to be released: its number in the file (from 1) and its values, the repaired ones among them."""

    row_number: int
    values: Mapping[str, object]


def values_of(rule: str, content: Mapping[str, object]) -> Mapping[str, object] | str:
    """The values of a row in quarantine, or why a line is none yet."""
    return row_of(str(content["line"] or "")) if rule == UNREADABLE else content


def candidate(row_number: int, rule: str, content: Mapping[str, object]) -> Candidate:
    """A row in quarantine as a candidate; raises Refused for a line that is no row yet.

    >>> candidate(3, "line.unreadable", {"line": '{"age": 4}'}).values
    {'age': 4}
    """
    values = values_of(rule, content)
    if isinstance(values, str):
        raise Refused(
            f"row {row_number} cannot be released: {values}",
            next_step="trainmaster data quarantine repair ID line='{...}'",
        )
    return Candidate(row_number, values)


def put_back(
    table: pa.Table, out: Sequence[int], candidates: Sequence[Candidate], source: Source, *, name: str, where: str
) -> Packed:
    """The snapshot's rows and the candidates, each where it stood in its file; `out` are the numbers of those outside.

    Raises Refused, naming row and rule, when a candidate breaks the contract, alone or beside the accepted rows.

    >>> table = pa.table({"age": [31, 40]})
    >>> source = Source(path="*.csv", columns={"age": ColumnRule(type="integer", minimum=0)})
    >>> put_back(table, [2], [Candidate(2, {"age": "35"})], source, name="p", where="a.csv").table["age"].to_pylist()
    [31, 35, 40]
    """
    released = _released(candidates, table.schema, source, name=name, where=where)
    whole = pa.concat_tables([table.select(table.column_names), released], promote_options="permissive")
    _require_kept(whole, len(candidates), candidates, source, name=name, where=where)
    places = _places(table.num_rows, out, [candidate.row_number for candidate in candidates])
    return pack_table(whole.take(pa.array(np.argsort(places, kind="stable"))), time=source.time)


def _places(kept: int, out: Sequence[int], numbers: Sequence[int]) -> npt.NDArray[np.intp]:
    """Where each accepted row, then each candidate, stood in its file; at the end when the numbers tell nothing."""
    whole = kept + len(out)
    if len(set(out)) < len(out) or not all(1 <= number <= whole for number in out):
        return np.arange(kept + len(numbers))
    gone = np.zeros(whole, dtype=bool)
    gone[[number - 1 for number in out]] = True
    return np.concatenate([np.flatnonzero(~gone), np.array([number - 1 for number in numbers], dtype=np.intp)])


def broken_by(values: Mapping[str, object], source: Source, *, name: str, where: str) -> str:
    """Why one row breaks the contract by itself, or nothing."""
    rejected = check(_frame([values], list(values)), source, name=name, where=where).rejected
    return rejected[0].reason if rejected else ""


def _released(candidates: Sequence[Candidate], schema: pa.Schema, source: Source, *, name: str, where: str) -> pa.Table:
    frame = _frame([candidate.values for candidate in candidates], schema.names)
    kinds = {field.name: ColumnRule(type=_kind(field.type)) for field in schema if _kind(field.type) is not None}
    declared = {column: rule for column, rule in source.columns.items() if column in frame.columns}
    typed_rules = {**kinds, **{c: r if r.type else r.model_copy(update={"type": kinds[c].type if c in kinds else None})
                               for c, r in declared.items()}}  # fmt: skip
    alone = source.model_copy(update={"columns": typed_rules})
    checked = check(frame, alone, name=name, where=where)
    if checked.rejected:
        raise _refused(checked.rejected[0], candidates)
    try:
        table = pa.Table.from_pandas(checked.accepted, preserve_index=False).replace_schema_metadata(None)
        return table.cast(pa.schema([_field(table, field) for field in schema]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise Refused(
            f"a value does not fit its column: {visible(error, longest=160)}",
            where=where,
            next_step="trainmaster data quarantine repair ID COLUMN=VALUE",
        ) from None


def _require_kept(
    whole: pa.Table, added: int, candidates: Sequence[Candidate], source: Source, *, name: str, where: str
) -> None:
    """Uniqueness holds beside the rows that were accepted; they stand first, so they are the ones that stay."""
    first = whole.num_rows - added
    rejected = [bad for bad in check(whole.to_pandas(), source, name=name, where=where).rejected if bad.row >= first]
    if rejected:
        bad = rejected[0]
        raise _refused(Rejected(bad.row - first, bad.rule, bad.reason), candidates)


def _refused(bad: Rejected, candidates: Sequence[Candidate]) -> Refused:
    return Refused(
        f"row {candidates[bad.row].row_number} still breaks the contract: {bad.reason}",
        next_step="trainmaster data quarantine repair ID COLUMN=VALUE",
    )


def _frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({column: _series([row.get(column) for row in rows]) for column in columns})


def _series(values: Sequence[object]) -> pd.Series:
    """Text stays text beside numbers, so that a repaired value is read like one of a file."""
    present = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in present):
        return pd.Series([None if value is None else _as_text(value) for value in values], dtype="str")
    return pd.Series(list(values), dtype=None if present else "object")


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(kind: pa.DataType) -> Kind | None:
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_timestamp(kind):
        return "time"
    return "text" if pa.types.is_string(kind) else None


def _field(table: pa.Table, field: pa.Field) -> pa.Field:
    return table.schema.field(field.name) if pa.types.is_null(field.type) else field
