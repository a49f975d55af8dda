"""Parquet files: columns of one value each, checked before and after they are read."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from app.data.separated import require_columns
from app.data.survey import BOMB_RATIO, MAX_BYTES, TextFile, require_bounded
from app.domain.errors import BadInput
from app.domain.text import visible

CELL_BYTES = 8
LARGE_BYTES = 1 << 30


def read(file: TextFile) -> pa.Table:
    """The rows of a Parquet file (packed once more with gzip or zstd, or not); raises BadInput for a damaged one."""
    shown = file.shown
    with file.path.open("rb") as stream:
        head = stream.read(4)
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 4))
        tail = stream.read()
    packed = None
    if file.codec is not None:
        packed = _unpacked(file, size)
        head, tail, size = packed[:4], packed[-4:], len(packed)
    if head != b"PAR1":
        raise BadInput(
            "this is not a Parquet file", where=shown, next_step="write it as Parquet, or give it its suffix"
        )
    if size < 12 or tail != b"PAR1":
        raise BadInput(
            "the Parquet file is cut off: its end is missing", where=shown, next_step="copy or write the file again"
        )
    try:
        with (
            io.BytesIO(packed) if packed is not None else pa.PythonFile(file.path.open("rb"), mode="r") as opened,
            pq.ParquetFile(opened) as parquet,
        ):
            require_columns(list(parquet.schema_arrow.names), shown)
            _require_bounded(parquet.metadata, size, shown)
            table = parquet.read()
        table.validate(full=True)
    except BadInput:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise BadInput(
            f"the Parquet file is damaged: {reason}", where=shown, next_step="write the file again"
        ) from None
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise BadInput(
                f"nested values ({visible(field.type, longest=60)}) cannot become a column",
                where=f"{shown} column {visible(field.name)}",
                next_step="write one column for each value",
            )
    return _plain(table)


def _unpacked(file: TextFile, size: int) -> bytes:
    whole = io.BytesIO()
    for block in file.blocks():
        whole.write(block)
        require_bounded(file, size, whole.tell())
    return whole.getvalue()


def _require_bounded(metadata: pq.FileMetaData, size: int, shown: str) -> None:
    unpacked = metadata.num_rows * metadata.num_columns * CELL_BYTES
    if unpacked > MAX_BYTES or (unpacked > LARGE_BYTES and unpacked > BOMB_RATIO * size):
        raise BadInput(
            f"its {metadata.num_rows:,} rows of {metadata.num_columns:,} columns unpack to "
            f"about {unpacked / (1 << 30):.1f} GiB; the limit of one file is {MAX_BYTES >> 30} GiB, "
            f"or {BOMB_RATIO} times its {size:,} bytes",
            where=shown,
            next_step="split it into several files",
        )


def _plain(table: pa.Table) -> pa.Table:
    """Without pandas metadata, with dictionaries and empty columns as text and decimals as numbers."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_decimal(kind):
            kind = pa.float64()
        elif pa.types.is_null(kind):
            kind = pa.string()
        fields.append(pa.field(field.name, kind))
    return table.replace_schema_metadata(None).cast(pa.schema(fields))
