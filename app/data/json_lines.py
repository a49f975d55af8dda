"""JSON lines: one object a line."""

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.json as pj

from app.data.separated import block_bytes, require_columns
from app.data.survey import Survey, TextFile
from app.domain.errors import BadInput, Place
from app.domain.text import visible


def read(file: TextFile, found: Survey) -> pa.Table:
    """A JSON lines file; raises BadInput naming the line of what is not one flat object."""
    try:
        with file.open() as stream:
            table = pj.read_json(stream, read_options=pj.ReadOptions(block_size=block_bytes(found)))
    except pa.ArrowInvalid as error:
        raise _diagnosed(file, str(error)) from None
    return _checked(table, file.shown)


def table_of(lines: Sequence[bytes], shown: str) -> pa.Table:
    """Lines that are one flat object each, as a table; raises BadInput for what still cannot be a column."""
    content = b"\n".join(lines)
    block = max(1 << 22, 2 * max(map(len, lines)))
    try:
        table = pj.read_json(io.BytesIO(content), read_options=pj.ReadOptions(block_size=block))
    except pa.ArrowInvalid as error:
        raise BadInput(visible(error, longest=160), where=shown, next_step="correct the sender") from None
    return _checked(table, shown)


def _checked(table: pa.Table, shown: str) -> pa.Table:
    require_columns(table.column_names, shown)
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise BadInput(
                "nested values cannot become a column",
                where=f"{shown} column {visible(field.name)}",
                next_step="write one key for each value",
            )
    return pa.table({name: _readable(table[name]) for name in table.column_names})


def lines_of(file: TextFile, found: Survey, rows: Sequence[int]) -> list[int]:  # noqa: ARG001
    """The lines (from 1) on which data rows (from 0, ascending) stand; empty lines are counted."""
    wanted = set(rows)
    return [line for ordinal, (line, _) in enumerate(_lines(file)) if ordinal in wanted]


def _readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_null(column.type) or pa.types.is_temporal(column.type) else column


def _diagnosed(file: TextFile, reason: str) -> BadInput:
    import orjson

    kinds: dict[str, tuple[str, int]] = {}
    for number, line in _lines(file):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            where = str(Place(file.shown, line=number))
            return BadInput(
                f"not valid JSON: {visible(error, longest=120)}", where=where, next_step="correct that line"
            )
        if not isinstance(row, dict):
            return BadInput(
                "not a JSON object", where=str(Place(file.shown, line=number)), next_step="one object a line"
            )
        for key, value in row.items():
            kind = "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "other"
            before, at = kinds.setdefault(key, (kind, number)) if value is not None else (kind, number)
            if before != kind:
                return BadInput(
                    f"a {kind} value, but line {at} has a {before}",
                    where=str(Place(file.shown, line=number, column=visible(key))),
                    next_step="write one kind of value in a column",
                )
    return BadInput(visible(reason, longest=160), where=file.shown, next_step="write the file again")


def _lines(file: TextFile) -> Iterator[tuple[int, bytes]]:
    number, rest = 0, b""
    for block in file.blocks():
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield number, line
    if rest.strip():
        yield number + 1, rest
