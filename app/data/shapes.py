"""What types the columns of a source have over all its snapshots, so that one snapshot reads as the whole would."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.errors import BadInput


@dataclass(frozen=True)
class Shape:
    """The Arrow schema of a snapshot's rows, and its whole-number and truth columns that miss a value.

    Those are the ones whose pandas type depends on whether any value is missing. `empty` are columns without any
    value: their type says nothing. A snapshot without rows changes no type.
    """

    schema: pa.Schema
    gaps: frozenset[str]
    empty: frozenset[str] = frozenset()
    has_rows: bool = True

    def as_text(self) -> str:
        """The same as text, equal for equal shapes.

        >>> Shape(pa.schema([("a", pa.int64()), ("b", pa.string())]), frozenset({"a"})).as_text()
        'a:int64? b:string'
        """
        return " ".join(f"{field.name}:{field.type}{'?' * (field.name in self.gaps)}" for field in self.schema)


def shape_of(content: bytes) -> Shape:
    """The shape of a snapshot's Parquet bytes; only the footer is read, unless it has no statistics."""
    file = pq.ParquetFile(io.BytesIO(content))
    schema = file.schema_arrow.remove_metadata()
    gaps = {field.name for at, field in enumerate(schema) if _changes(field.type) and _nulls(file, at, field.name)}
    empty = {field.name for at, field in enumerate(schema) if _nulls(file, at, field.name) == file.metadata.num_rows}
    return Shape(schema, frozenset(gaps), frozenset(empty), file.metadata.num_rows > 0)


def whole_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape of all snapshots together: types promoted as needed, a column that one lacks is missing there.

    Raises BadInput when a column is text in one and a number in another.
    """
    shapes = [shape for shape in shapes if shape.has_rows] or shapes
    valued = {name for shape in shapes for name in shape.schema.names if name not in shape.empty}
    try:
        try:
            schema = pa.unify_schemas([shape.schema for shape in shapes], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column without any value may have any type
            schema = pa.unify_schemas([_untyped(shape, valued) for shape in shapes], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadInput(
            f"its snapshots do not fit together: {str(error).splitlines()[0][:160]}",
            next_step="declare column types in project.toml",
        ) from None
    lacking = {name for name in schema.names for shape in shapes if name not in shape.schema.names}
    lacking |= {name for shape in shapes for name in shape.empty if name in valued}
    gaps = {name for shape in shapes for name in shape.gaps} | lacking
    return Shape(schema, frozenset(name for name in gaps if _changes(schema.field(name).type)))


def read_as(content: bytes, whole: Shape) -> pd.DataFrame:
    """The rows of one snapshot with the pandas types that they have when all snapshots are read as one frame."""
    rows = pq.read_table(io.BytesIO(content))
    columns: Mapping[str, pa.ChunkedArray] = {
        field.name: rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
        for field in whole.schema
    }
    frame: pd.DataFrame = pa.table(columns, schema=whole.schema).to_pandas()
    for name in sorted(whole.gaps):
        kind = whole.schema.field(name).type
        frame[name] = frame[name].astype("object" if pa.types.is_boolean(kind) else "float64")
    return frame


def _changes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _untyped(shape: Shape, valued: set[str]) -> pa.Schema:
    """The schema, with no type where there is no value and another snapshot has one."""
    names = shape.empty & valued
    return pa.schema([pa.field(f.name, pa.null()) if f.name in names else f for f in shape.schema])


def _nulls(file: pq.ParquetFile, column: int, name: str) -> int:
    """How many values of a column are missing."""
    missing = 0
    for at in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(at).column(column).statistics
        if statistics is None or not statistics.has_null_count:
            return int(file.read(columns=[name])[name].null_count)
        missing += statistics.null_count
    return missing
