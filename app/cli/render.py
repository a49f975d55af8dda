"""Printing: data on stdout as JSON or as aligned columns, messages and progress on stderr."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from app.domain.text import visible

Value = object


def plain(value: Value) -> Value:
    """A value as JSON knows it: dataclasses become objects, times ISO 8601, numbers that JSON has no word for text.

    >>> plain({"a": float("nan"), "b": (1, 2)})
    {'a': 'nan', 'b': [1, 2]}
    """
    match value:
        case None | bool() | int():
            return value
        case StrEnum():
            return value.value
        case str():
            return value
        case float():
            return value if value - value == 0 else str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return str(value)


def emit(value: Value, *, as_json: bool, human: Callable[[], None]) -> None:
    """Print `value` as JSON, or let `human` print it for a person."""
    if as_json:
        print(json.dumps(plain(value), indent=2, ensure_ascii=True, allow_nan=False))
    else:
        human()


def table(headings: Sequence[str], rows: Sequence[Sequence[Value]], *, empty: str) -> None:
    """Print aligned columns; numbers to the right; nothing is wider than the terminal; `empty` when there is no row."""
    if not rows:
        print(empty)
        return
    cells = [[_cell(value) for value in row] for row in rows]
    right = [all(isinstance(row[at], int | float) or row[at] is None for row in rows) for at in range(len(headings))]
    widths = [max(len(headings[at]), *(len(row[at]) for row in cells)) for at in range(len(headings))]
    limit = shutil.get_terminal_size((200, 24)).columns if sys.stdout.isatty() else 10_000
    for line in ([name.upper() for name in headings], *cells):
        padded = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip()[:limit])


def fields(pairs: Mapping[str, Value]) -> None:
    """Print name and value, a line each."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        print(f"{name.ljust(width)}  {_cell(value)}")


def say(message: str) -> None:
    """A message for the person, on stderr."""
    print(visible(message, longest=2000), file=sys.stderr, flush=True)


def short_time(text: str | None) -> str:
    """A stored time as a person reads it, in UTC.

    >>> short_time("2013-04-01T05:06:07.000000Z")
    '2013-04-01 05:06:07'
    """
    return "" if text is None else text[:19].replace("T", " ")


def _cell(value: Value) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _:
            return visible(plain(value) if isinstance(value, datetime | StrEnum) else value, longest=120)


class Bar:
    """One line of progress on stderr: a bar where there is a terminal, a line for each new stage elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._last = ""

    def show(self, share: float, says: str, eta_s: float | None = None) -> None:
        """Draw the state: `share` from 0 to 1, what happens now, seconds still to go."""
        if not self._live:
            stage = says.split(" · ", 1)[0]
            if stage != self._last:
                say(f"{round(share * 100):3d} %  {stage}")
                self._last = stage
            return
        filled = round(share * 24)
        eta = f" {eta_s:.0f} s to go" if eta_s is not None and eta_s >= 1 else ""
        line = f"{'█' * filled}{'░' * (24 - filled)} {round(share * 100):3d} %  {visible(says, longest=60)}{eta}"
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Leave the line clean."""
        if self._live:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
