"""Lines of spans: the only thing that our widgets draw; every span passes the text boundary on its way out."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from app.tui.inks import Inks
from app.tui.text import plain

Span = tuple[str, str]
"""Text and the name of its ink."""
Line = tuple[Span, ...]


def line(*parts: object) -> Line:
    """A line from texts (no ink) and (text, ink) pairs.

    >>> line("now ", ("12", "bad"))
    (('now ', ''), ('12', 'bad'))
    """
    return tuple((str(part[0]), str(part[1])) if isinstance(part, tuple) else (str(part), "") for part in parts)


def width_of(spans: Iterable[Span]) -> int:
    """How many cells the spans take on the screen."""
    return sum(_cells(plain(text)) for text, _ in spans)


@lru_cache(maxsize=8192)
def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def fit(value: object, width: int, *, right: bool = False) -> str:
    """Printable text of exactly `width` cells: cut with an ellipsis, or filled with spaces.

    >>> fit("flight-delay", 7), fit(12, 4, right=True), fit("ab", 4)
    ('flight…', '  12', 'ab  ')
    """
    return _fit(plain(value), width, right)


@lru_cache(maxsize=16384)
def _fit(text: str, width: int, right: bool) -> str:
    if width <= 0:
        return ""
    taken = _cells(text)
    if taken > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - taken) + text if right else text + " " * (width - taken)


def between(left: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """Spans at both ends of a line of `width` cells; the left part is cut when they do not fit."""
    room = width - width_of(right)
    head = clip(left, max(room - 1, 0))
    return (*head, (" " * max(room - width_of(head), 0), ""), *right)


def clip(spans: Sequence[Span], width: int) -> Line:
    """The spans cut to `width` cells, the last one with an ellipsis.

    >>> clip((("champion", "ok"), (" v12", "")), 10)
    (('champion', 'ok'), (' …', ''))
    """
    taken = 0
    kept: list[Span] = []
    for text, ink in spans:
        shown = plain(text)
        cells = _cells(shown)
        if taken + cells > width:
            if width > taken:
                kept.append((fit(shown, width - taken), ink))
            elif kept:
                last, last_ink = kept[-1]
                kept[-1] = (fit(last + "  ", _cells(last)), last_ink) if not last.strip() else kept[-1]
            break
        kept.append((shown, ink))
        taken += cells
    return tuple(kept)


def strip_of(spans: Sequence[Span], width: int, inks: Inks, ground: str = "") -> Strip:
    """A strip of exactly `width` cells; this is where spans become what the terminal gets."""
    segments: list[Segment] = []
    taken = 0
    for text, ink in spans:
        shown = plain(text)
        cells = _cells(shown)
        if taken + cells > width:
            shown, cells = fit(shown, width - taken), width - taken
        if shown:
            segments.append(Segment(shown, inks.style(ink, ground)))
        taken += cells
        if taken >= width:
            break
    if taken < width:
        segments.append(Segment(" " * (width - taken), inks.style("", ground)))
    return Strip(segments, width)


def wrapped(text: object, width: int, most: int = 4, limit: int = 2000) -> list[str]:
    """A value broken at spaces into at most `most` pieces of `width` cells.

    >>> wrapped("no gate report for this version", 12)
    ['no gate', 'report for', 'this version']
    """
    words = plain(text, limit).split(" ")
    pieces: list[str] = []
    current = ""
    for word in words:
        candidate = f"{current} {word}" if current else word
        if _cells(candidate) <= width:
            current = candidate
            continue
        if current:
            pieces.append(current)
        while _cells(word) > width > 0:
            pieces.append(set_cell_size(word, width))
            word = word[len(pieces[-1]) :]
        current = word
    if current:
        pieces.append(current)
    if len(pieces) > most:
        pieces = [*pieces[: most - 1], fit(pieces[most - 1] + "  …", width).rstrip()]
    return pieces


__all__ = ["Line", "Span", "between", "clip", "fit", "line", "strip_of", "width_of", "wrapped"]
