"""Realised and estimated quality on one timeline, with the share of rows whose label is known below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.tui import words
from app.tui.charts import plot
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, Span, line
from app.tui.metric import ticks

BLANK = ("", " ", "\u2800")


@dataclass(frozen=True)
class Moment:
    """One window: its label, the realised value (NaN until labels are there), the estimated one, labels known (0-1)."""

    label: str
    realised: float
    estimated: float = math.nan
    labelled: float | None = None


def timeline(moments: Sequence[Moment], limit: float | None, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """A chart in `width` x `height` cells: realised bright, estimated dim, the limit dashed, label coverage below."""
    shows_labels = any(one.labelled is not None for one in moments)
    rows = max(height - 2 - shows_labels, 1)
    across = max(width - 8, 4)
    known = [v for one in moments for v in (one.realised, one.estimated) if math.isfinite(v)]
    if not known:
        return [line(("no window has a value yet", "dim"))]
    known += [limit] if limit is not None else []
    low, high = min(known), max(known)
    margin = (high - low) * 0.12 or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin
    realised = _series([one.realised for one in moments], across, rows, low, high, glyphs)
    estimated = _series([one.estimated for one in moments], across, rows, low, high, glyphs)
    dashed = round((high - limit) / (high - low) * (rows - 1)) if limit is not None else -1
    dash = "-" if glyphs.name == "ascii" else "╌"
    drawn: list[Line] = []
    for at in range(rows):
        tick = limit if at == dashed and limit is not None else high - (high - low) * at / max(rows - 1, 1)
        label = words.number(tick, 3) if at % 3 == 0 or at in (dashed, rows - 1) else ""
        spans: list[Span] = [(f"{label:>6} ", "warn" if at == dashed else "dim")]
        for now, guess in zip(realised[at], estimated[at], strict=True):
            sign, ink = _cell(now, guess, glyphs)
            spans.append((dash, "faint") if at == dashed and sign == " " else (sign, ink))
        drawn.append(_merged(spans))
    if shows_labels:
        drawn.append(_coverage(moments, across, glyphs))
    drawn.append(line("       ", (ticks([one.label for one in moments], across), "dim")))
    return drawn


def legend(moments: Sequence[Moment], glyphs: Glyphs) -> Line:
    """What the inks mean, with the newest of each."""
    sign = glyphs.full
    now = next((one.realised for one in reversed(moments) if math.isfinite(one.realised)), math.nan)
    spans: list[Span] = [(f"{sign} ", "now"), ("realised ", ""), (words.number(now), "bold")]
    guess = next((one.estimated for one in reversed(moments) if math.isfinite(one.estimated)), None)
    if guess is not None:
        spans += [(f"   {sign} ", "reference"), ("estimated ", ""), (words.number(guess), "bold")]
    share = next((one.labelled for one in reversed(moments) if one.labelled is not None), None)
    if share is not None:
        spans += [("   labels known ", ""), (words.percent(share), "bold")]
    return tuple(spans)


def _series(values: Sequence[float], across: int, rows: int, low: float, high: float, glyphs: Glyphs) -> list[str]:
    """A line that stands where its windows stand: from the first value to the last, blank before and after."""
    finite = [at for at, value in enumerate(values) if math.isfinite(value)]
    if not finite:
        return [" " * across] * rows
    last = max(len(values) - 1, 1)
    begin = round(finite[0] * (across - 1) / last)
    end = max(round(finite[-1] * (across - 1) / last), begin)
    kept = [value for value in values[finite[0] : finite[-1] + 1] if math.isfinite(value)]
    drawn = plot(kept * 2 if len(kept) == 1 else kept, end - begin + 1, rows, low=low, high=high, glyphs=glyphs)
    return [(" " * begin + text).ljust(across)[:across] for text in drawn]


def _cell(now: str, guess: str, glyphs: Glyphs) -> tuple[str, str]:
    if guess in BLANK:
        return (" " if now in BLANK else now), "now"
    if now in BLANK:
        return guess, "reference"
    if glyphs.spark == "braille":
        return chr(0x2800 | (ord(now) - 0x2800) | (ord(guess) - 0x2800)), "now"
    return now, "now"


def _coverage(moments: Sequence[Moment], across: int, glyphs: Glyphs) -> Line:
    """A row of shades: dark where nearly every label is known, light where few are."""
    spans: list[Span] = [("labels ", "dim")]
    for column in range(across):
        one = moments[min(column * len(moments) // across, len(moments) - 1)]
        share = one.labelled
        sign = " " if share is None else glyphs.full if share >= 0.9 else glyphs.dark if share >= 0.5 else glyphs.shade
        spans.append((sign if share else ".", "faint" if not share or share < 0.5 else "reference"))
    return _merged(spans)


def _merged(spans: Sequence[Span]) -> Line:
    kept: list[Span] = []
    for text, ink in spans:
        if kept and kept[-1][1] == ink:
            kept[-1] = (kept[-1][0] + text, ink)
        else:
            kept.append((text, ink))
    return tuple(kept)


__all__ = ["Moment", "legend", "timeline"]
