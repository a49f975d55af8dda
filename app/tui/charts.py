"""Sparklines, plots and bars as text: points are thinned to the lowest and highest of each column before drawing."""

import itertools
import math
from collections.abc import Sequence

from app.tui.glyphs import BRAILLE, Glyphs

_LEFT = (0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x80, 0xA0, 0xB0, 0xB8)
_DOT = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def sparkline(
    values: Sequence[float | None],
    width: int,
    glyphs: Glyphs = BRAILLE,
    *,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """One row of at most `width` cells, the newest value at the right; braille holds two values a cell.

    >>> sparkline([0, 1, 2, 3], 2), sparkline([], 3)
    ('⣠⣾', '')
    >>> from app.tui.glyphs import BLOCK; sparkline([0, None, 1], 3, BLOCK)
    '▁ █'
    """
    room = width * 2 if glyphs.spark == "braille" else width
    kept = list(values)[-room:] if room > 0 else []
    finite = [value for value in kept if value is not None and math.isfinite(value)]
    if not finite:
        return ""
    bottom = min(finite) if low is None else low
    top = max(finite) if high is None else high
    if glyphs.spark == "braille":
        levels = [_level(value, bottom, top, 4) for value in kept]
        if len(levels) % 2:
            levels.insert(0, None)
        return "".join(
            chr(0x2800 + (0 if a is None else _LEFT[a]) + (0 if b is None else _RIGHT[b]))
            for a, b in zip(levels[::2], levels[1::2], strict=True)
        )
    steps = [_level(value, bottom, top, len(glyphs.spark)) for value in kept]
    return "".join(" " if step is None else glyphs.spark[step] for step in steps)


def _level(value: float | None, bottom: float, top: float, levels: int) -> int | None:
    if value is None or not math.isfinite(value):
        return None
    if top <= bottom:
        return 0
    return min(max(round((value - bottom) / (top - bottom) * (levels - 1)), 0), levels - 1)


def thinned(values: Sequence[float], columns: int) -> list[tuple[float, float]]:
    """The lowest and highest finite value of each of `columns` equal parts, in order; at most one pair a value.

    >>> thinned([1, 9, 2, 3], 2)
    [(1, 9), (2, 3)]
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or columns < 1:
        return []
    columns = min(columns, len(finite))
    edges = [round(at * len(finite) / columns) for at in range(columns + 1)]
    pairs = []
    for start, end in itertools.pairwise(edges):
        part = finite[start:end]
        pairs.append((min(part), max(part)))
    return pairs


def plot(
    values: Sequence[float], width: int, height: int, *, low: float, high: float, glyphs: Glyphs = BRAILLE
) -> list[str]:
    """A line of braille over `width` x `height` cells, stretched over the whole width; ASCII sets draw stars.

    >>> plot([0.0, 1.0], 2, 1, low=0.0, high=1.0)
    ['⡠⠊']
    """
    if width < 1 or height < 1 or high <= low:
        return [""] * max(height, 0)
    braille = glyphs.spark == "braille"
    across, down = (width * 2, height * 4) if braille else (width, height)
    pairs = thinned(_stretched(values, across), across)
    if not pairs:
        return [" " * width] * height
    dots = [[0] * width for _ in range(height)]

    def row(value: float) -> int:
        return min(max(round((high - value) / (high - low) * (down - 1)), 0), down - 1)

    before: tuple[int, int] | None = None
    for column in range(across):
        at = column * len(pairs) // across
        first, last = row(pairs[at][1]), row(pairs[at][0])
        if before is not None:  # join to the column before, so that a steep line has no holes
            first, last = min(first, before[1] + 1, down - 1), max(last, before[0] - 1, 0)
            first = min(first, last)
        before = (row(pairs[at][1]), row(pairs[at][0]))
        for y in range(first, last + 1):
            if braille:
                dots[y // 4][column // 2] |= _DOT[column % 2][y % 4]
            else:
                dots[y][column] = 1
    if braille:
        return ["".join(chr(0x2800 + cell) if cell else " " for cell in cells) for cells in dots]
    sign = "*" if glyphs.name == "ascii" else "•"
    return ["".join(sign if cell else " " for cell in cells) for cells in dots]


def _stretched(values: Sequence[float], columns: int) -> Sequence[float]:
    """Fewer values than columns are joined by straight lines; more stay as they are."""
    finite = [value for value in values if math.isfinite(value)]
    if not 2 <= len(finite) < columns:
        return finite
    joined = []
    for column in range(columns):
        place = column * (len(finite) - 1) / (columns - 1)
        at = min(int(place), len(finite) - 2)
        joined.append(finite[at] + (finite[at + 1] - finite[at]) * (place - at))
    return joined


def bar(share: float | None, width: int, glyphs: Glyphs = BRAILLE) -> str:
    """A progress bar of `width` cells for a share from 0 to 1.

    >>> bar(0.5, 4), bar(None, 3)
    ('██░░', '░░░')
    """
    known = share if share is not None and math.isfinite(share) else 0.0
    filled = round(min(max(known, 0.0), 1.0) * width)
    return glyphs.full * filled + glyphs.empty * (width - filled)


def histogram(share: float, most: float, width: int, sign: str) -> str:
    """A bar of at most `width` cells for a share next to the largest one.

    >>> histogram(0.1, 0.2, 6, "▓")
    '▓▓▓'
    """
    if most <= 0 or not math.isfinite(share):
        return ""
    return sign * min(max(round(share / most * width), 1 if share > 0 else 0), width)
