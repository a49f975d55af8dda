"""Snapshots: accepted rows as Parquet bytes that are the same for the same rows."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.typing import NaTType

from app.domain.errors import BadInput
from app.domain.text import visible


@dataclass(frozen=True)
class Packed:
    """One snapshot's bytes and what they hold; `columns` are (name, type) pairs, times are UTC."""

    content: bytes
    table: pa.Table
    columns: tuple[tuple[str, str], ...]
    time_from: datetime | None
    time_to: datetime | None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    @property
    def watermark(self) -> str | None:
        """The newest time in it, as ISO 8601 text."""
        return self.time_to.isoformat() if self.time_to else None


def pack(frame: pd.DataFrame, *, time: str | None) -> Packed:
    """Write rows as Parquet (zstd); raises BadInput when a column holds a mixture of types.

    >>> rows = pd.DataFrame({"id": [1, 2], "name": ["a", None]})
    >>> pack(rows, time=None).content == pack(rows.copy(), time=None).content
    True
    """
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = visible(str(error.args[-1] if error.args else error), longest=160)
        raise BadInput(f"a column mixes types: {reason}", next_step="declare its type in project.toml") from None
    return pack_table(table, time=time)


def pack_table(table: pa.Table, *, time: str | None) -> Packed:
    """The same for rows that are an Arrow table already."""
    table = pa.table({field.name: _ordinary(table[field.name]) for field in table.schema})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False, coerce_timestamps="us")
    named = table.select([time]).to_pandas() if time is not None and time in table.column_names else pd.DataFrame()
    time_from, time_to = time_range(named, time)
    columns = tuple((field.name, str(field.type)) for field in table.schema)
    return Packed(sink.getvalue(), table, columns, time_from, time_to)


def digest_of(content: bytes, file_digest: str) -> str:
    """The digest of a snapshot: of its rows and of the raw file that they came from."""
    return hashlib.sha256(hashlib.sha256(content).digest() + bytes.fromhex(file_digest)).hexdigest()


def table_of(content: bytes) -> pa.Table:
    """The rows of one snapshot."""
    return pq.read_table(io.BytesIO(content))


def unpack(contents: Sequence[bytes], names: Sequence[str], *, source: str) -> pd.DataFrame:
    """The rows of several snapshots as one frame, oldest first; a column that one of them lacks is missing there.

    Raises BadInput when a column is text in one and a number in another.
    """
    tables = [table_of(content) for content in contents]
    tables = [_without_empty(table, tables) for table in tables]
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise _mixed(tables, names, source) from None
    frame: pd.DataFrame = whole.to_pandas()
    return frame


def _without_empty(table: pa.Table, tables: Sequence[pa.Table]) -> pa.Table:
    """Columns without any value take the type that they have elsewhere."""
    for at, field in enumerate(table.schema):
        others = {other.schema.field(field.name).type for other in tables if field.name in other.column_names}
        if len(others) > 1 and table[field.name].null_count == table.num_rows:
            table = table.set_column(at, field.name, pa.nulls(table.num_rows))
    return table


def time_range(frame: pd.DataFrame, time: str | None) -> tuple[datetime | None, datetime | None]:
    """The first and last moment of a time column; None when there is none."""
    if time is None or time not in frame.columns or frame.empty:
        return None, None
    moments = frame[time]
    if not pd.api.types.is_datetime64_any_dtype(moments.dtype):
        moments = pd.to_datetime(moments, utc=True, errors="coerce", format="ISO8601")
    first, last = moments.min(), moments.max()
    return _utc(first), _utc(last)


def _utc(moment: pd.Timestamp | NaTType) -> datetime | None:
    if isinstance(moment, NaTType):
        return None
    aware = moment.tz_localize(UTC) if moment.tzinfo is None else moment.tz_convert(UTC)
    return aware.floor("us").to_pydatetime()


def _ordinary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Large strings as strings, so that the same rows have the same type whoever wrote them."""
    return column.cast(pa.string()) if pa.types.is_large_string(column.type) else column


def _mixed(tables: Sequence[pa.Table], names: Sequence[str], source: str) -> BadInput:
    seen: dict[str, tuple[str, str]] = {}
    for table, name in zip(tables, names, strict=True):
        for field in table.schema:
            if pa.types.is_null(field.type):
                continue
            kind = (
                "text" if pa.types.is_string(field.type) else "time" if pa.types.is_temporal(field.type) else "number"
            )
            before, where = seen.setdefault(field.name, (kind, name))
            if before != kind:
                shown = visible(field.name)
                return BadInput(
                    f"column {shown!r} is {kind} in {visible(name)} and {before} in {visible(where)}",
                    where=f"source {source}",
                    next_step=f"declare [sources.{source}.columns.{shown}] type in project.toml",
                )
    return BadInput("its snapshots do not fit together", where=f"source {source}", next_step="declare column types")
