"""Reading a raw file into a frame, or saying exactly what is wrong with it."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.data import json_lines, separated
from app.domain.errors import BadInput, NotFound
from app.domain.text import visible

MAX_BYTES = 4 << 30
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson")
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class Raw:
    """The rows of one raw file; `digest` is the SHA-256 of its bytes as they lay on the disk."""

    frame: pd.DataFrame
    file: str
    digest: str
    size_bytes: int
    content: bytes
    lines_of: Callable[[bytes, Sequence[int]], list[int]] | None

    def places(self, rows: Sequence[int]) -> list[str]:
        """Where data rows (from 0, ascending) stand: file and line, or file and row for a binary format."""
        if self.lines_of is None:
            return [f"{self.file} row {row + 1}" for row in rows]
        return [f"{self.file} line {line}" for line in self.lines_of(self.content, rows)]


def fingerprint(path: Path, name: str | None = None) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, without keeping it in memory; raises NotFound or BadInput."""
    shown = name or visible(path.name, longest=200)
    _require_file(path, shown)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return digest, stream.tell()
    except OSError as error:
        raise _unreadable(error, shown) from None


def read(path: Path, name: str | None = None) -> Raw:
    """Read CSV, TSV, Parquet or JSON lines (plain, .gz or .zst); text formats give text columns, typed by the contract.

    Raises NotFound for a missing file and BadInput (with file, line and column where there is one) for an empty,
    header-only, truncated, mis-encoded or ragged file, duplicate columns and nested values.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.csv"
    ...     _ = file.write_text("id,price\\n1,2.5\\n2,\\n")
    ...     raw = read(file)
    >>> raw.frame["price"].tolist(), raw.places([1])
    (['2.5', nan], ['a.csv line 3'])
    """
    shown = name or visible(path.name, longest=200)
    _require_file(path, shown)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(error, shown) from None
    digest, size = hashlib.sha256(content).hexdigest(), len(content)
    if size == 0:
        raise BadInput("the file is empty", where=shown, next_step="write it again with a header line and rows")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        content = _decompressed(content, COMPRESSED[suffixes.pop()], shown)
    reader, lines_of = _format(suffixes[-1] if suffixes else "", shown)
    table = reader(content, shown)
    _require_rows(table, shown)
    return Raw(table.to_pandas(), shown, digest, size, content if lines_of else b"", lines_of)


Reader = Callable[[bytes, str], pa.Table]
Lines = Callable[[bytes, Sequence[int]], list[int]]


def _format(suffix: str, shown: str) -> tuple[Reader, Lines | None]:
    match suffix:
        case ".csv" | ".txt":
            return separated.read, separated.lines_of
        case ".tsv":
            return separated.read_tabs, separated.lines_of
        case ".parquet" | ".pq":
            return _parquet, None
        case ".jsonl" | ".ndjson":
            return json_lines.read, json_lines.lines_of
        case _:
            raise BadInput(
                f"the format {visible(suffix) or 'without a suffix'} is not known",
                where=shown,
                next_step=f"use one of {', '.join(SUFFIXES)}, also with .gz or .zst",
            )


def _parquet(content: bytes, shown: str) -> pa.Table:
    if content[:4] != b"PAR1":
        raise BadInput(
            "this is not a Parquet file", where=shown, next_step="write it as Parquet, or give it its suffix"
        )
    if len(content) < 12 or content[-4:] != b"PAR1":
        raise BadInput(
            "the Parquet file is cut off: its end is missing", where=shown, next_step="copy or write the file again"
        )
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        names = list(file.schema_arrow.names)
        separated.require_columns(names, shown)
        table = file.read()
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


def _plain(table: pa.Table) -> pa.Table:
    """Without pandas metadata, with dictionaries as text and decimals as numbers."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_decimal(kind):
            kind = pa.float64()
        fields.append(pa.field(field.name, kind))
    return table.replace_schema_metadata(None).cast(pa.schema(fields))


def _decompressed(content: bytes, codec: str, shown: str) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
            plain: bytes = stream.read(MAX_BYTES + 1)
    except (pa.ArrowException, OSError) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise BadInput(f"the {codec} data is damaged: {reason}", where=shown, next_step="compress it again") from None
    if len(plain) > MAX_BYTES:
        raise BadInput(
            f"it unpacks to more than {MAX_BYTES >> 30} GiB", where=shown, next_step="split it into several files"
        )
    if not plain:
        raise BadInput("the file is empty", where=shown, next_step="write it again with a header line and rows")
    return plain


def _require_file(path: Path, shown: str) -> None:
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:  # a name that is too long, a link that leads to itself
        raise _unreadable(error, shown) from None
    if is_folder:
        raise BadInput("this is a folder, not a file", where=shown, next_step="name a file in it")
    if not exists:
        raise NotFound(f"there is no file {shown}", next_step="check the path")


def _require_rows(table: pa.Table, shown: str) -> None:
    if table.num_rows == 0:
        raise BadInput("the file has columns but no rows", where=shown, next_step="add rows, or take the file away")


def _unreadable(error: OSError, shown: str) -> BadInput:
    return BadInput(f"it cannot be read: {error.strerror}", where=shown, next_step="check its name and its permissions")
