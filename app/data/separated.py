"""CSV and TSV: every value as text, and the line of everything that is wrong."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pc

from app.data.survey import Survey, TextFile
from app.domain.errors import BadInput, Place
from app.domain.text import visible

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
MAX_COLUMNS = 20_000
LONGEST_NAME = 256


def read(file: TextFile, found: Survey) -> pa.Table:
    """A CSV file; the separator is a comma, or a semicolon or tab when the header has no comma."""
    return _read(file, found, None)


def read_tabs(file: TextFile, found: Survey) -> pa.Table:
    """A TSV file."""
    return _read(file, found, "\t")


def _read(file: TextFile, found: Survey, delimiter: str | None) -> pa.Table:
    header = file.first_line().decode()
    if not header.strip():
        raise BadInput("the header line is empty", where=f"{file.shown} line 1", next_step="name the columns in line 1")
    chosen = delimiter or _delimiter(header)
    names = _named(_split(header, chosen))
    require_columns(names, f"{file.shown} line 1")
    _require_closed_quotes(file, found, chosen)
    try:
        with file.open() as stream:
            return pc.read_csv(
                stream,
                read_options=pc.ReadOptions(column_names=names, skip_rows=1, block_size=block_bytes(found)),
                parse_options=pc.ParseOptions(delimiter=chosen, newlines_in_values=found.quotes > 0),
                convert_options=pc.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    null_values=list(MISSING),
                ),
            )
    except pa.ArrowInvalid as error:
        if not any(True for _ in _body(file)):
            return pa.table({name: pa.array([], pa.string()) for name in names})
        raise _ragged(file, found, chosen, names, str(error)) from None


def lines_of(file: TextFile, found: Survey, rows: Sequence[int]) -> list[int]:
    """The lines (from 1) on which data rows (from 0, ascending) begin; quoted line ends and empty lines are counted."""
    if not found.quotes and not found.has_blank_lines:
        return [row + 2 for row in rows]
    wanted, lines = set(rows), []
    for ordinal, (line, _) in enumerate(_records(file, _delimiter(file.first_line().decode(errors="replace")))):
        if ordinal - 1 in wanted:
            lines.append(line)
            if len(lines) == len(wanted):
                break
    return lines


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


def _body(file: TextFile) -> Iterator[bytes]:
    """What is there after the header besides blanks."""
    head = True
    for block in file.blocks():
        rest = block
        if head:
            _, end, rest = block.partition(b"\n")
            head = not end
        if rest.strip():
            yield rest


def _require_closed_quotes(file: TextFile, found: Survey, delimiter: str) -> None:
    if found.quotes % 2 == 0:
        return
    line = 1
    try:
        for begins, _ in _records(file, delimiter, strict=True):
            line = begins
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise BadInput(
                "a quoted value begins after this line and is never closed: the file is cut off",
                where=str(Place(file.shown, line=line)),
                next_step="write the file again",
            ) from None


def _ragged(file: TextFile, found: Survey, delimiter: str, names: list[str], reason: str) -> BadInput:
    expected = len(names)
    found_line = next(((at, row) for at, row in _records(file, delimiter) if len(row) != expected), None)
    if found_line is None:
        return BadInput(visible(reason, longest=160), where=file.shown, next_step="write the file again")
    line, values = found_line
    short = len(values) < expected
    at_end = line >= found.line_ends + (not found.ends_with_line_end)
    cut = "; the file seems cut off there" if at_end and short and not found.ends_with_line_end else ""
    missing = f", {visible(names[len(values)], longest=60)!r} is the first without one" if short else ""
    return BadInput(
        f"{len(values)} values, but the header names {expected} columns{missing}{cut}",
        where=str(Place(file.shown, line=line)),
        next_step="correct that line, or write the file again",
    )


def _records(file: TextFile, delimiter: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not empty, with the line on which it begins."""
    csv.field_size_limit(1 << 31)
    with file.open() as raw, io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=strict)
        begins = 1
        for values in reader:
            if values:
                yield begins, values
            begins = reader.line_num + 1


def _split(header: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter))


def _named(names: list[str]) -> list[str]:
    return [name.strip() or f"unnamed_{at}" for at, name in enumerate(names, start=1)]


def _delimiter(header: str) -> str:
    if "," in header:
        return ","
    return ";" if ";" in header else ("\t" if "\t" in header else ",")


def block_bytes(found: Survey) -> int:
    """A block that the longest line fits into; pyarrow refuses a line longer than two blocks."""
    usual = 1 << 22
    if found.plain_bytes <= usual:
        return max(found.plain_bytes, 1 << 10)
    return max(usual, 2 * found.longest_line)
