"""Reference against now: the bins of a training profile beside the shares of a window, as bars."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.tui import words
from app.tui.charts import histogram
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line

MOST = 14


@dataclass(frozen=True)
class Bin:
    """One bin: its label, the share in the training rows, the share now."""

    label: str
    reference: float
    current: float | None


def bins_of(profile: bytes, report: bytes, feature: str) -> tuple[Bin, ...]:
    """The bins of one feature (or of the score) in a profile and a report; none when either does not know it.

    >>> hour = b'{"kind": "number", "edges": [9, 17], "shares": [0.2, 0.5, 0.3], "missing": 0}'
    >>> profile = b'{"features": {"hour": %s}}' % hour
    >>> [b.label for b in bins_of(profile, b'{"shares": {"hour": [0.1, 0.6, 0.3, 0]}}', "hour")]
    ['< 9', '9 – 17', '≥ 17']
    """
    try:
        document, window = json.loads(profile), json.loads(report)
        entry = document.get("score") if feature == "score" else document["features"].get(feature)
        current = (window.get("shares") or {}).get(feature)
        if not isinstance(entry, dict):
            return ()
        labels, shares = _labelled(entry)
        now: list[float | None] = [float(share) for share in current] if isinstance(current, list) else []
        now += [None] * (len(labels) - len(now))
        bins = [Bin(label, ref, cur) for label, ref, cur in zip(labels, shares, now, strict=False)]
        return tuple(b for b in bins if b.label not in ("missing", "other") or b.reference or b.current)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _labelled(entry: Mapping[str, Any]) -> tuple[list[str], list[float]]:
    missing = float(entry.get("missing") or 0.0)
    if entry.get("kind") == "category":
        shares = dict(entry["shares"])
        labels = [str(name) for name in shares]
        values = [float(share) for share in shares.values()]
        return [*labels, "other", "missing"], [*values, float(entry.get("other") or 0.0), missing]
    edges = [_short(float(edge)) for edge in entry["edges"]]
    values = [float(share) for share in entry["shares"]]
    middle = [f"{low} – {high}" for low, high in itertools.pairwise(edges)]
    labels = [f"< {edges[0]}", *middle, f"≥ {edges[-1]}"] if edges else ["all"]
    return [*labels, "missing"], [*values, missing]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() or abs(value) >= 100 else f"{value:.3g}"


def bar_lines(bins: tuple[Bin, ...], width: int, glyphs: Glyphs) -> list[Line]:
    """A line a bin: label, the training's bar, now's bar, the difference in points."""
    shown = bins[:MOST]
    label = min(max((len(b.label) for b in shown), default=4), 14)
    room = max((width - label - 26) // 2, 4)
    most = max((max(b.reference, b.current or 0.0) for b in shown), default=0.0)
    lines: list[Line] = []
    for b in shown:
        delta = (b.current - b.reference) * 100 if b.current is not None else None
        ink = (
            "bad"
            if delta is not None and abs(delta) >= 10
            else "warn"
            if delta is not None and abs(delta) >= 5
            else "dim"
        )
        lines.append(
            line(
                (fit(b.label, label, right=True), ""),
                "  ",
                (fit(histogram(b.reference, most, room, glyphs.shade), room), "reference"),
                (f"{words.percent(b.reference):>6} ", "dim"),
                "  ",
                (fit(histogram(b.current or 0.0, most, room, glyphs.dark), room), "now"),
                (f"{words.percent(b.current):>6}", ""),
                (f"{f'{delta:+.0f}' if delta is not None else '–':>6}", ink),
            )
        )
    if len(bins) > MOST:
        lines.append(line((f"and {len(bins) - MOST} more", "dim")))
    return lines


__all__ = ["Bin", "bar_lines", "bins_of"]
