"""CSV and TSV: every value as text, and the line of everything that is wrong."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pc

from app.domain.errors import BadInput, Place
from app.domain.text import visible

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
BOM = b"\xef\xbb\xbf"
MAX_COLUMNS = 100_000
LONGEST_NAME = 256
SAVE_AS_UTF8 = "save the file as UTF-8"


def read(content: bytes, file: str) -> pa.Table:
    """A CSV file; the separator is a comma, or a semicolon or tab when the header has no comma."""
    return _read(content, file, None)


def read_tabs(content: bytes, file: str) -> pa.Table:
    """A TSV file."""
    return _read(content, file, "\t")


def _read(content: bytes, file: str, delimiter: str | None) -> pa.Table:
    content = content.removeprefix(BOM)
    _require_utf8(content, file)
    header_bytes = content[: _end_of_first_line(content)].strip(b"\r\n")
    if not header_bytes.strip():
        raise BadInput("the header line is empty", where=f"{file} line 1", next_step="name the columns in line 1")
    chosen = delimiter or _delimiter(header_bytes.decode())
    names = _named(next(csv.reader(io.StringIO(header_bytes.decode(), newline=""), delimiter=chosen)))
    require_columns(names, f"{file} line 1")
    _require_closed_quotes(content, file, chosen)
    try:
        table = pc.read_csv(
            io.BytesIO(content),
            read_options=pc.ReadOptions(column_names=names, skip_rows=1, block_size=_block(content)),
            parse_options=pc.ParseOptions(delimiter=chosen, newlines_in_values=b'"' in content),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=list(MISSING),
            ),
        )
    except pa.ArrowInvalid as error:
        if content[len(header_bytes) :].strip() == b"":
            return pa.table({name: pa.array([], pa.string()) for name in names})
        raise _ragged(content, file, chosen, len(names), str(error)) from None
    return table


def lines_of(content: bytes, rows: Sequence[int]) -> list[int]:
    """The lines (from 1) on which data rows (from 0, ascending) begin; quoted line ends and empty lines counted.

    >>> lines_of(b'a,b\\n1,"x\\ny"\\n\\n2,z\\n', [0, 1])
    [2, 5]
    """
    if b'"' not in content and b"\n\n" not in content and b"\n\r\n" not in content:
        return [row + 2 for row in rows]
    wanted, found = set(rows), []
    records = _records(content.decode(errors="replace"), _delimiter_of(content))
    for ordinal, (line, _) in enumerate(records):
        if ordinal - 1 in wanted:
            found.append(line)
            if len(found) == len(wanted):
                break
    return found


def require_columns(names: Sequence[str], where: str) -> None:
    """Raise BadInput for no column, too many, a name that is too long, or two of the same name."""
    if not names:
        raise BadInput("there are no columns", where=where, next_step="name the columns in line 1")
    if len(names) > MAX_COLUMNS:
        raise BadInput(
            f"{len(names):,} columns; the limit is {MAX_COLUMNS:,}", where=where, next_step="is the separator right?"
        )
    long = next((name for name in names if len(name) > LONGEST_NAME), None)
    if long is not None:
        raise BadInput(
            f"column {names.index(long) + 1} has a name of {len(long):,} characters "
            f"({visible(long, longest=40)}); the limit is {LONGEST_NAME}",
            where=where,
            next_step="give it a shorter name; is the first line the header?",
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadInput(
            f"the column {visible(twice[0], longest=60)!r} is there {names.count(twice[0])} times",
            where=where,
            next_step="give each column its own name",
        )


def _require_utf8(content: bytes, file: str) -> None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("the file is UTF-16, not UTF-8", where=f"{file} line 1", next_step=SAVE_AS_UTF8)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise BadInput(
            f"byte 0x{content[error.start]:02x} at position {column} is not UTF-8 (byte {error.start} of the file)",
            where=str(Place(file, line=line)),
            next_step=SAVE_AS_UTF8,
        ) from None
    nul = content.find(b"\x00")
    if nul >= 0:
        raise BadInput(
            f"a zero byte (byte {nul} of the file): this is not text",
            where=str(Place(file, line=content.count(b"\n", 0, nul) + 1)),
            next_step="write the file again as text",
        )


def _require_closed_quotes(content: bytes, file: str, delimiter: str) -> None:
    if content.count(b'"') % 2 == 0:
        return
    line = 1
    try:
        for begins, _ in _records(content.decode(), delimiter, strict=True):
            line = begins
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise BadInput(
                "a quoted value begins after this line and is never closed: the file is cut off",
                where=str(Place(file, line=line)),
                next_step="write the file again",
            ) from None


def _ragged(content: bytes, file: str, delimiter: str, expected: int, reason: str) -> BadInput:
    last = None
    text = content.decode()
    for line, values in _records(text, delimiter):
        if values and len(values) != expected:
            last = (line, len(values))
            break
    if last is None:
        return BadInput(visible(reason, longest=160), where=file, next_step="write the file again")
    line, found = last
    at_end = line >= text.count("\n") + (not text.endswith("\n"))
    cut = "; the file seems cut off there" if at_end and found < expected and not text.endswith("\n") else ""
    return BadInput(
        f"{found} values, but the header names {expected} columns{cut}",
        where=str(Place(file, line=line)),
        next_step="correct that line, or write the file again",
    )


def _records(text: str, delimiter: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not empty, with the line on which it begins."""
    csv.field_size_limit(1 << 31)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    begins = 1
    for values in reader:
        if values:
            yield begins, values
        begins = reader.line_num + 1


def _named(names: list[str]) -> list[str]:
    return [name.strip() or f"unnamed_{at}" for at, name in enumerate(names, start=1)]


def _delimiter(header: str) -> str:
    if "," in header:
        return ","
    return ";" if ";" in header else ("\t" if "\t" in header else ",")


def _delimiter_of(content: bytes) -> str:
    return _delimiter(content[: _end_of_first_line(content)].decode(errors="replace"))


def _end_of_first_line(content: bytes) -> int:
    end = content.find(b"\n")
    return len(content) if end < 0 else end + 1


def _block(content: bytes) -> int:
    """A block that the longest line fits into; pyarrow refuses a line longer than two blocks."""
    usual = 1 << 22
    if len(content) <= usual:
        return max(len(content), 1 << 10)
    longest = max(map(len, content.split(b"\n"))) if content.count(b"\n") < len(content) // usual * 64 else 0
    return min(max(usual, 2 * longest), (1 << 31) - 1)
