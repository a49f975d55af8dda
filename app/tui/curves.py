"""Several curves over the same steps as braille, each in its own ink; where two cross, the later one is on top."""

from app.store.queries.runs.curves import Curve, Curves
from app.tui import words
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, Span, fit, line

INKS = ("now", "ok", "warn", "accent", "bad", "reference")
_DOT = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
AXIS = 8
Cells = list[list[tuple[int, int]]]
"""Of each cell the dots (-1: a sign) and the curve that is on top."""


def columns_of(width: int, glyphs: Glyphs) -> int:
    """How many columns of points fit in a chart of so many cells."""
    return max(width - AXIS, 4) * (2 if glyphs.spark == "braille" else 1)


def curve_lines(found: Curves, width: int, height: int, glyphs: Glyphs, signs: dict[str, str]) -> list[Line]:
    """The chart with its axes; `signs` are what each run is marked with at its last value."""
    spans = [(low, high) for curve in found.curves for _, low, high in curve.points]
    if not spans or height < 3:
        return [line(("no history of this metric", "dim"))]
    bottom, top = min(low for low, _ in spans), max(high for _, high in spans)
    if top <= bottom:
        bottom, top = bottom - 0.5, top + 0.5
    room, rows = max(width - AXIS, 4), height - 2
    cells: Cells = [[(0, -1)] * room for _ in range(rows)]
    for owner, curve in enumerate(found.curves):
        _draw(cells, curve, owner, bottom, top, glyphs)
    for owner, curve in enumerate(found.curves):
        _mark_last(cells, curve, owner, bottom, top, glyphs)
    lines = []
    for y, row in enumerate(cells):
        label = words.number(top - (top - bottom) * y / max(rows - 1, 1)) if y % 4 == 0 or y == rows - 1 else ""
        lines.append(line((f"{label:>6} ", "dim"), ("┤" if label else "│", "faint"), *_spans(row, found, signs)))
    ends = f"{found.first_step}{found.last_step!s:>{max(room - len(str(found.first_step)), 1)}}"
    lines.append(line((" " * 7 + "└" + "─" * room, "faint")))
    lines.append(line((" " * AXIS, ""), (fit(ends, room), "dim")))
    return lines


def _draw(cells: Cells, curve: Curve, owner: int, bottom: float, top: float, g: Glyphs) -> None:
    rows, room = len(cells), len(cells[0])
    braille = g.spark == "braille"
    down, across = (rows * 4, room * 2) if braille else (rows, room)

    def place(value: float) -> int:
        return min(max(round((top - value) / (top - bottom) * (down - 1)), 0), down - 1)

    points = [(min(column, across - 1), low, high) for column, low, high in curve.points]
    before: tuple[int, float] | None = None
    for column, low, high in points:
        if before is not None and column - before[0] > 1:  # few steps: a straight line between them
            gap = column - before[0]
            for step in range(1, gap):
                value = before[1] + ((low + high) / 2 - before[1]) * step / gap
                _dot(cells, before[0] + step, place(value), place(value), owner, braille)
        first, last = place(high), place(low)
        if before is not None and column - before[0] == 1:
            reached = place(before[1])
            first, last = min(first, reached + 1, down - 1), max(last, reached - 1, 0)
        _dot(cells, column, min(first, last), max(first, last), owner, braille)
        before = (column, (low + high) / 2)


def _dot(cells: Cells, column: int, first: int, last: int, owner: int, braille: bool) -> None:
    for y in range(first, last + 1):
        row, x = (y // 4, column // 2) if braille else (y, column)
        mask = _DOT[column % 2][y % 4] if braille else 1
        old, _ = cells[row][x]
        cells[row][x] = (old | mask, owner)


def _mark_last(cells: Cells, curve: Curve, owner: int, bottom: float, top: float, g: Glyphs) -> None:
    """The last point of a curve becomes the sign of its run."""
    if not curve.points or curve.last is None:
        return
    rows, room = len(cells), len(cells[0])
    column = min(curve.points[-1][0], room * 2 - 1) // (2 if g.spark == "braille" else 1)
    y = min(max(round((top - curve.last) / (top - bottom) * (rows - 1)), 0), rows - 1)
    cells[y][min(column, room - 1)] = (-1, owner)


def _spans(row: list[tuple[int, int]], found: Curves, signs: dict[str, str]) -> list[Span]:
    spans: list[Span] = []
    for mask, owner in row:
        ink = INKS[owner % len(INKS)] if owner >= 0 else ""
        if mask < 0:
            text = signs.get(found.curves[owner].run, "*")
        else:
            text = " " if mask == 0 else chr(0x2800 + mask) if max(m for m, _ in row) != 1 else "*"
        if spans and spans[-1][1] == ink:
            spans[-1] = (spans[-1][0] + text, ink)
        else:
            spans.append((text, ink))
    return spans


__all__ = ["INKS", "columns_of", "curve_lines"]
