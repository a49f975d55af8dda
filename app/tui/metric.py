"""The chart of a champion's metric over the reports of the monitor, with its limit; before the first, over versions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.geometry import Size

from app.tui import words
from app.tui.charts import plot
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, line

if TYPE_CHECKING:
    from app.store.queries.monitoring import SignalPoint
    from app.store.queries.registry import VersionRow


def chart(
    champion: "VersionRow | None",
    metric: str,
    points: "Sequence[SignalPoint]",
    versions: "Sequence[VersionRow]",
    size: Size,
    glyphs: Glyphs,
) -> tuple[str, list[Line]]:
    """Title and lines."""
    if champion is None:
        return "Champion", [
            line("No model is in production yet."),
            line(("5", "key"), (" opens the registry, ", "dim"), ("p", "key"), (" promotes", "dim")),
            line(("trainmaster train run", "key")),
        ]
    seen = [point for point in points if math.isfinite(point.value)]
    learned = champion.metrics.get(metric, math.nan)
    known = [learned, *(p.value for p in seen)] if math.isfinite(learned) else [p.value for p in seen]
    if seen and len(known) >= 2:
        windows = f"{len(seen)} window{'' if len(seen) == 1 else 's'}"
        title = f"Champion {champion.model} v{champion.version} · {metric}, test then {windows}"
        return title, draw(known, seen[-1].limit_value, "test", size.width, size.height, glyphs)
    trained = [v for v in reversed(versions) if math.isfinite(v.metrics.get(metric, math.nan))]
    title = f"Champion {champion.model} v{champion.version} · {metric}, by version"
    values = [v.metrics[metric] for v in trained]
    limit = seen[-1].limit_value if seen else None
    if not values:
        return title, [line((f"no {metric} yet", "dim"))]
    return title, draw(
        values, limit, f"v{trained[0].version}", size.width, size.height, glyphs, last=f"v{trained[-1].version}"
    )


def draw(
    values: Sequence[float],
    limit: float | None,
    first: str,
    width: int,
    height: int,
    glyphs: Glyphs,
    *,
    last: str = "now",
) -> list[Line]:
    """A line chart in `width` x `height` cells with its limit as a dashed line; `first` labels the oldest value."""
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
    newest = f"{last} {words.number(values[-1])}"
    gap = max(width - len(first) - len(newest) - 1, 1)
    drawn.append(line("       ", (first, "dim"), " " * gap, (newest, "bold")))
    return drawn


def _merged(spans: Sequence[tuple[str, str]]) -> Line:
    kept: list[tuple[str, str]] = []
    for text, ink in spans:
        if kept and kept[-1][1] == ink:
            kept[-1] = (kept[-1][0] + text, ink)
        else:
            kept.append((text, ink))
    return tuple(kept)
