"""Reading a raw file into a frame, or saying exactly what is wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from app.data import json_lines, parquet_file, separated
from app.data.json_sieve import Unread, sieved
from app.data.survey import Survey, TextFile, packed_digest, survey
from app.domain.errors import BadInput, NotFound, Unavailable
from app.domain.project import Source
from app.domain.text import visible

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
Lines = Callable[[Sequence[int]], list[int]]


@dataclass(frozen=True)
class Raw:
    """The rows of one raw file; `digest` is the SHA-256 of its bytes as they lay on the disk.

    `unread` are a stream's lines that are no rows; then `ordinals` says which of all lines each row was (from 0).
    """

    frame: pd.DataFrame
    file: str
    digest: str
    size_bytes: int
    lines_of: Lines | None = None
    unread: tuple[Unread, ...] = ()
    ordinals: tuple[int, ...] | None = None

    def number_of(self, row: int) -> int:
        """The number (from 1) of a row among all that came."""
        return row + 1 if self.ordinals is None else self.ordinals[row] + 1

    def places(self, rows: Sequence[int]) -> list[str]:
        """Where data rows (from 0, ascending) stand: file and line, or file and row for a binary format."""
        if self.lines_of is None:
            return [f"{self.file} row {row + 1}" for row in rows]
        return [f"{self.file} line {line}" for line in self.lines_of(rows)]


def fingerprint(path: Path, name: str | None = None) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, without keeping it in memory; raises NotFound or BadInput."""
    shown = name or visible(path.name, longest=200)
    _require_file(path, shown)
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            return packed_digest(path), stream.tell()
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
        before = path.stat()
        table, digest, lines_of = _table(path, shown)
        after = path.stat()
    except OSError as error:
        raise _unreadable(error, shown) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Unavailable("the file changed while it was read", where=shown, next_step="try again when it is complete")
    _require_rows(table, shown)
    frame = table.to_pandas(split_blocks=True, self_destruct=True)  # the bytes are there once, not twice
    return Raw(frame, shown, digest, before.st_size, lines_of)


def read_stream(path: Path, name: str, source: Source) -> Raw:
    """The same for JSON lines of a stream: a line that is no row is set aside, with the reason; it stops nothing."""
    try:
        return read(path, name)
    except BadInput as error:
        found = sieved(path, source.columns)
        if not found.unread:
            raise error from None
    if not found.readable:
        names = dict.fromkeys([*source.columns, *source.unique_key, *([source.time] if source.time else [])])
        frame = pd.DataFrame({column: pd.Series(dtype="str") for column in names})
    else:
        frame = json_lines.table_of(found.readable, name).to_pandas()
    return Raw(
        frame,
        name,
        packed_digest(path),
        path.stat().st_size,
        lambda rows: [found.lines[row] for row in rows],
        found.unread,
        found.ordinals,
    )


def is_known(path: Path) -> bool:
    """Whether a file's name says a format that can be read.

    >>> is_known(Path("a.csv.gz")), is_known(Path("notes.md"))
    (True, False)
    """
    return _format(path)[0] in SUFFIXES


def text_file(path: Path, shown: str) -> TextFile | None:
    """A file as text, None when its name says that it is none."""
    suffix, codec = _format(path)
    return None if suffix in PARQUET else TextFile(path, codec, shown)


def _format(path: Path) -> tuple[str, str | None]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    codec = COMPRESSED[suffixes.pop()] if suffixes and suffixes[-1] in COMPRESSED else None
    return suffixes[-1] if suffixes else "", codec


def _table(path: Path, shown: str) -> tuple[pa.Table, str, Lines | None]:
    suffix, codec = _format(path)
    file = TextFile(path, codec, shown)
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=shown, next_step="write it again with a header line and rows")
    match suffix:
        case ".csv" | ".txt":
            read_text, lines_of = separated.read, separated.lines_of
        case ".tsv":
            read_text, lines_of = separated.read_tabs, separated.lines_of
        case ".jsonl" | ".ndjson":
            read_text, lines_of = json_lines.read, json_lines.lines_of
        case ".parquet" | ".pq":
            return parquet_file.read(file), packed_digest(path), None
        case _:
            raise BadInput(
                f"the format {visible(suffix) or 'without a suffix'} is not known",
                where=shown,
                next_step=f"use one of {', '.join(SUFFIXES)}, also with .gz or .zst",
            )
    found: Survey = survey(file)
    return read_text(file, found), found.digest, lambda rows: lines_of(file, found, rows)


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
