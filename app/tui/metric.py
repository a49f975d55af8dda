"""The chart of what a champion realised: its metric on its test window, then on every window since, and its limit."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.geometry import Size

from app.tui import words
from app.tui.charts import plot
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line, width_of

if TYPE_CHECKING:
    from app.store.queries.monitoring import QualityPoint, SignalPoint
    from app.store.queries.registry import VersionRow


def chart(
    champion: "VersionRow | None", metric: str, points: "Sequence[SignalPoint]", size: Size, glyphs: Glyphs
) -> tuple[str, list[Line]]:
    """Title and lines."""
    if champion is None:
        return "Champion", [
            line("No model is in production yet."),
            line(("5", "key"), (" opens the registry, ", "dim"), ("p", "key"), (" promotes", "dim")),
            line(("trainmaster train run", "key")),
        ]
    title = f"Champion {champion.model} v{champion.version} · {metric}, realised"
    values, labels, limit = realised(champion, metric, points)
    if not values:
        return title, [line((f"no {metric} yet", "dim"))]
    return title, draw(values, limit, labels, size.width, size.height, glyphs)


def realised(
    champion: "VersionRow", metric: str, points: "Sequence[SignalPoint]"
) -> tuple[list[float], list[str], float | None]:
    """Values, the label of each, and the newest limit; points of the versions before it are not its own."""
    own = [point for point in points if point.version == champion.version and math.isfinite(point.value)]
    learned = champion.metrics.get(metric, math.nan)
    values, labels = ([learned], ["test"]) if math.isfinite(learned) else ([], [])
    values += [point.value for point in own]
    labels += [month_of(point) for point in own]
    limits = [point.limit_value for point in points if point.limit_value is not None]
    return values, labels, limits[-1] if limits else None


def month_of(point: "SignalPoint | QualityPoint") -> str:
    """The month in which a window begins, in UTC as windows are."""
    begun = words.moment(point.window_from)
    return begun.strftime("%b") if begun is not None else "–"


def draw(
    values: Sequence[float], limit: float | None, labels: Sequence[str], width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """A line chart in `width` x `height` cells with its limit as a dashed line, and a label under each value."""
    height, width = max(height - 2, 1), max(width - 8, 4)
    known = [*values, limit] if limit is not None else list(values)
    low, high = min(known), max(known)
    margin = (high - low) * 0.15 or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin
    rows = plot(values, width, height, low=low, high=high, glyphs=glyphs)
    limit_row = round((high - limit) / (high - low) * (height * 4 - 1)) // 4 if limit is not None else -1
    dash = "-" if glyphs.name == "ascii" else "╌"
    rail, corner, floor = ("|", "+", "-") if glyphs.name == "ascii" else ("┤", "└", "─")
    drawn: list[Line] = []
    for at, text in enumerate(rows):
        tick = high - (high - low) * at / max(height - 1, 1)
        label = words.number(tick, 2) if at % 3 == 0 or at == height - 1 else ""
        if at == limit_row and limit is not None:
            label = words.number(limit, 2)
            spans = [(f"{label:>5} ", "warn"), (rail, "faint")]
            spans += [(dash, "warn") if sign in (" ", "\u2800") else (sign, "now") for sign in text]
            drawn.append(_merged(spans))
            continue
        drawn.append(
            line((f"{label:>5} ", "dim"), (rail if label else "│" if rail == "┤" else rail, "faint"), (text, "now"))
        )
    drawn.append(line("      ", (corner + floor * width, "faint")))
    newest = words.number(values[-1])
    under = ticks(labels, width - width_of(((newest, ""),)) - 1)
    drawn.append(line("       ", (under, "dim"), " ", (newest, "bold")))
    return drawn


def ticks(labels: Sequence[str], width: int) -> str:
    """Labels under their values over `width` cells; one that repeats the one before, or has no room, is left out.

    >>> ticks(["test", "Apr", "May", "May"], 16)
    'test Apr  May   '
    """
    text, before = "", ""
    for at, label in enumerate(labels):
        place = round(at * (width - 1) / max(len(labels) - 1, 1))
        place = min(place, width - len(label))
        if label == before or place < len(text) + bool(text):
            continue
        text, before = text + " " * (place - len(text)) + label, label
    return fit(text, max(width, 0))


def _merged(spans: Sequence[tuple[str, str]]) -> Line:
    kept: list[tuple[str, str]] = []
    for text, ink in spans:
        if kept and kept[-1][1] == ink:
            kept[-1] = (kept[-1][0] + text, ink)
        else:
            kept.append((text, ink))
    return tuple(kept)
