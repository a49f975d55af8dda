"""A stream's JSON lines, one by one: those that can be read as a table, and those that cannot, with the reason.

Nobody can correct a line that a stream has said, and it must not keep back the lines behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.project import ColumnRule
from app.domain.states import UNREADABLE
from app.domain.text import visible

LONGEST_KEPT = 10_000
KINDS = {"integer": "number", "number": "number", "text": "text", "time": "text", "boolean": "boolean"}


@dataclass(frozen=True)
class Unread:
    """A line that is no row: its number among the lines that are not empty (from 0), its line (from 1), rule, reason.

    `content` are its values when it is a JSON object, else its text under the name `line`.
    """

    ordinal: int
    line: int
    rule: str
    reason: str
    content: Mapping[str, object]


@dataclass(frozen=True)
class Sieved:
    """The readable lines, written anew, with their lines and ordinals, and the others."""

    readable: tuple[bytes, ...]
    lines: tuple[int, ...]
    ordinals: tuple[int, ...]
    unread: tuple[Unread, ...]


def sieved(path: Path, rules: Mapping[str, ColumnRule]) -> Sieved:
    r"""Part a file's lines; a column holds the kind of its declared type, or of its first value.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.jsonl"
    ...     _ = file.write_text('{"id": 1}\n{"id": \n\n{"id": "x"}\n[2]\n{"id": 3}\n')
    ...     found = sieved(file, {})
    >>> found.readable, found.lines
    ((b'{"id":1}', b'{"id":3}'), (1, 6))
    >>> [(one.line, one.rule, one.reason) for one in found.unread][1:]
    [(4, 'id.type', 'id: a text value, where numbers stand'), (5, 'line.unreadable', 'not a JSON object')]
    """
    import orjson

    kinds = {name: KINDS[rule.type] for name, rule in rules.items() if rule.type is not None}
    readable, lines, ordinals, unread = [], [], [], []
    for ordinal, (number, line) in enumerate(_lines(path)):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            reason = f"not valid JSON: {visible(error, longest=120)}"
            unread.append(Unread(ordinal, number, UNREADABLE, reason, {"line": _text(line)}))
            continue
        if not isinstance(row, dict):
            unread.append(Unread(ordinal, number, UNREADABLE, "not a JSON object", {"line": _text(line)}))
            continue
        wrong = _misfit(row, kinds)
        if wrong is not None:
            column, says = wrong
            shown = visible(column, longest=60)
            unread.append(Unread(ordinal, number, f"{column}.type", f"{shown}: {says}", row))
            continue
        readable.append(orjson.dumps(row))
        lines.append(number)
        ordinals.append(ordinal)
    return Sieved(tuple(readable), tuple(lines), tuple(ordinals), tuple(unread))


def row_of(text: str) -> dict[str, object] | str:
    """The values of a line that was corrected, or what is wrong with it still.

    >>> row_of('{"id": 3}'), row_of("[3]")
    ({'id': 3}, 'not a JSON object')
    """
    import orjson

    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"not valid JSON: {visible(error, longest=120)}"
    return row if isinstance(row, dict) else "not a JSON object"


def _misfit(row: Mapping[str, object], kinds: dict[str, str]) -> tuple[str, str] | None:
    """The first column whose value no table could hold beside the others, and why; learns the kinds of new columns."""
    found = {}
    for column, value in row.items():
        if value is None:
            continue
        if isinstance(value, dict | list):
            return column, "a nested value"
        kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        if kinds.get(column, kind) != kind:
            return column, f"a {kind} value, where {_PLURAL[kinds[column]]} stand"
        if kind == "number" and isinstance(value, int) and not -(2**63) <= value < 2**63:
            return column, "a whole number of more than 64 bits"
        found[column] = kind
    kinds.update(found)
    return None


_PLURAL = {"number": "numbers", "text": "texts", "boolean": "truth values"}


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.strip()


def _text(line: bytes) -> str:
    return line[:LONGEST_KEPT].decode(errors="replace")
