"""A comparison as lines: a column a run, the baseline first in rank by its star, values that differ in brackets."""

import math
from typing import Protocol

from app.store.queries.runs import Line as Compared
from app.store.queries.runs import Section
from app.tui import words
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, Span, fit, line, wrapped

MARKS = ("●", "▲", "■", "◆", "▼", "○", "△", "□", "◇", "▽", "◉")
PLAIN_MARKS = "123456789ab"
NARROWEST, WIDEST = 9, 15


class Beside(Protocol):
    """Runs or trials side by side, as a query gives them."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What each is called."""

    @property
    def baseline(self) -> int:
        """The place of the one that the others are compared with."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The lines of each kind."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What is said of them."""

    def counts(self) -> tuple[int, int]:
        """How many lines differ, and how many there are."""


def sign_of(at: int, found: Beside, glyphs: Glyphs) -> str:
    """The sign of a run: a star for the baseline, another one for each of the others."""
    if at == found.baseline:
        return glyphs.star
    marks = PLAIN_MARKS if glyphs.name == "ascii" else MARKS
    return marks[(at - (at > found.baseline)) % len(marks)]


def table_lines(found: Beside, chosen: int, width: int, glyphs: Glyphs, *, everything: bool) -> list[Line]:
    """Sections and their lines; when not all runs fit, a window of columns around the chosen one."""
    runs = len(found.keys)
    name_width = min(max((len(x.name) for s in found.sections for x in s.lines), default=8), max(width // 4, 12))
    room = max(width - name_width - 1, NARROWEST)
    fitting = max(min(room // NARROWEST, runs), 1)
    cell = min(room // fitting, WIDEST)
    first = min(max(chosen - fitting + 1, 0), runs - fitting)
    columns = range(first, first + fitting)
    head: list[Span] = [(" " * (name_width + 1), "")]
    for at in columns:
        label = f"{sign_of(at, found, glyphs)}{found.keys[at][:6]}"
        head += [(fit(label, cell - 1), "here" if at == chosen else "head"), (" ", "")]
    lines: list[Line] = [tuple(head)]
    if fitting < runs:
        lines.append(line((f"runs {first + 1}-{first + fitting} of {runs} · ← → choose", "dim")))
    for section in found.sections:
        shown = [one for one in section.lines if everything or not one.same]
        if shown:
            lines += [(), line((section.name, "head"))]
            lines += [_row(one, columns, name_width, cell, found.baseline) for one in shown]
    if len(lines) == 1:
        lines += [(), line(("These runs are the same in everything. ", ""), ("d", "key"), (" shows all", "dim"))]
    return lines


def _row(one: Compared, columns: range, name_width: int, cell: int, baseline: int) -> Line:
    spans: list[Span] = [(fit(one.name, name_width), "dim"), (" ", "")]
    for at in columns:
        text = _value(one, at, cell - 3)
        if one.differs[at]:
            spans.append((fit(f"‹{text}›", cell - 1) + " ", "bold"))
        else:
            spans.append((fit(f" {text}", cell - 1) + " ", "" if at == baseline else "dim"))
    return tuple(spans)


def _value(one: Compared, at: int, room: int) -> str:
    value = one.values[at]
    if value is None or isinstance(value, str):
        return "–" if value is None else value if len(value) <= room else value[: max(room - 1, 1)] + "…"
    text = words.number(value, _places(one))
    margin = one.margins[at] if one.margins else None
    with_margin = f"{text} ±{words.number(margin)}" if margin is not None else text
    return with_margin if len(with_margin) <= room else text


def _places(one: Compared) -> int:
    """Digits enough to tell values apart that are not the same."""
    numbers = {value for value in one.values if isinstance(value, float) and math.isfinite(value)}
    if max((abs(value) for value in numbers), default=0.0) >= 100:
        return 1
    return 3 if len({words.number(value) for value in numbers}) == len(numbers) else 5


def verdict_lines(found: Beside, width: int) -> list[Line]:
    """The verdicts, each broken into lines."""
    return [
        line(("verdict: " if at == 0 else "  ", "dim"), (piece, "bold" if "not significant" not in told else ""))
        for told in found.verdicts
        for at, piece in enumerate(wrapped(told, max(width - 10, 20), 3))
    ]


__all__ = ["Beside", "sign_of", "table_lines", "verdict_lines"]
