"""JSON lines: one object a line."""

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.json as pj

from app.data.separated import require_columns
from app.domain.errors import BadInput, Place
from app.domain.text import visible


def read(content: bytes, file: str) -> pa.Table:
    """A JSON lines file; raises BadInput naming the line of what is not one flat object."""
    try:
        content.decode()
        table = pj.read_json(
            io.BytesIO(content),
            read_options=pj.ReadOptions(block_size=max(1 << 10, min(len(content), 1 << 30))),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _diagnosed(content, file, str(error)) from None
    require_columns(table.column_names, file)
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise BadInput(
                "nested values cannot become a column",
                where=f"{file} column {visible(field.name)}",
                next_step="write one key for each value",
            )
    return pa.table({name: _readable(table[name]) for name in table.column_names})


def lines_of(content: bytes, rows: Sequence[int]) -> list[int]:
    """The lines (from 1) on which data rows (from 0) stand; empty lines are counted."""
    numbers = [number for number, _ in _lines(content)]
    return [numbers[row] for row in rows]


def _readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_null(column.type) or pa.types.is_temporal(column.type) else column


def _diagnosed(content: bytes, file: str, reason: str) -> BadInput:
    import orjson

    kinds: dict[str, tuple[str, int]] = {}
    for number, line in _lines(content):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            where = str(Place(file, line=number))
            return BadInput(
                f"not valid JSON: {visible(error, longest=120)}", where=where, next_step="correct that line"
            )
        if not isinstance(row, dict):
            return BadInput("not a JSON object", where=str(Place(file, line=number)), next_step="one object a line")
        for key, value in row.items():
            kind = "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "other"
            before, at = kinds.setdefault(key, (kind, number)) if value is not None else (kind, number)
            if before != kind:
                return BadInput(
                    f"a {kind} value, but line {at} has a {before}",
                    where=str(Place(file, line=number, column=visible(key))),
                    next_step="write one kind of value in a column",
                )
    return BadInput(visible(reason, longest=160), where=file, next_step="write the file again")


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line
