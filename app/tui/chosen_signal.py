"""The chosen signal at large: bars against the reference, or a timeline; its alert, its likely cause, its keys."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.store.queries.alerts import AlertRow
from app.store.queries.health import HealthRow
from app.store.queries.monitoring import QualityPoint, SignalPoint, SignalRow
from app.tui import words
from app.tui.bars import Bin, bar_lines
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, line, wrapped
from app.tui.metric import draw, month_of
from app.tui.signals import measured
from app.tui.timeline import Moment, legend, timeline


@dataclass(frozen=True)
class Cause:
    """A suspect in a line: what it is, what it did, the command that looks closer."""

    name: str
    what: str
    score: float
    next_step: str = ""


@dataclass(frozen=True)
class Chosen:
    """Everything about the chosen signal of a report."""

    signal: SignalRow
    points: tuple[SignalPoint, ...]
    timeline: tuple[QualityPoint, ...]
    bins: tuple[Bin, ...]
    slices: tuple[SignalRow, ...]
    alert: AlertRow | None
    causes: tuple[Cause, ...]


def signal_lines(chosen: Chosen, width: int, height: int, glyphs: Glyphs) -> tuple[str, list[Line]]:
    """Title and lines of a report's signal."""
    signal = chosen.signal
    below = [*_verdict(chosen), *_slices(chosen, width), *_alert(chosen.alert, chosen.causes, width, glyphs)]
    room = max(height - len(below) - 1, 5)
    if chosen.bins:
        title = f"{signal.feature or 'score'} · reference ({glyphs.shade}) against the window ({glyphs.dark})"
        bars = bar_lines(chosen.bins, width, glyphs)
        return title, [*bars[:room], (), *below]
    title = f"{signal.name} · over {len(chosen.points)} window{'' if len(chosen.points) == 1 else 's'}"
    if signal.kind in ("quality", "estimate"):
        moments = moments_of(chosen.timeline)
        if len(moments) > 1:
            drawn = timeline(moments, signal.limit_value, width, room - 1, glyphs)
            return title, [*drawn, legend(moments, glyphs), *below]
    known = [point for point in chosen.points if math.isfinite(point.value)]
    if len(known) > 1:
        values, labels = [point.value for point in known], [month_of(point) for point in known]
        return title, [*draw(values, signal.limit_value, labels, width, room, glyphs), (), *below]
    return title, [line(("one window only; the next one draws a line", "dim")), (), *below]


def health_lines(
    one: HealthRow, values: Sequence[float], alert: AlertRow | None, causes: Sequence[Cause], width: int, height: int,
    glyphs: Glyphs,
) -> tuple[str, list[Line]]:  # fmt: skip
    """Title and lines of a signal of health."""
    below: list[Line] = [line((piece, "bad" if one.breached else "")) for piece in wrapped(one.says, width, 3)]
    limit = f"limit {measured(one.limit_value, one.unit)}" if one.limit_value is not None else "no limit"
    looks = f"{one.in_a_row:,} looks in a row"
    below.append(line((f"{limit} · so for {looks}", "dim")))
    if one.next_step:
        below.append(line(("next ", "dim"), (one.next_step, "key")))
    below += _alert(alert, causes, width, glyphs)
    title = f"{one.name} · {one.scope or 'this workspace'}"
    known = [value for value in values if math.isfinite(value)]
    if len(known) > 1:
        room = max(height - len(below) - 1, 5)
        shown = one.limit_value if one.limit_value is not None and one.limit_value < 10 * (max(known) or 1) else None
        return title, [*draw(known, shown, [], width, room, glyphs), (), *below]
    return title, below


def moments_of(timeline: Sequence[QualityPoint]) -> list[Moment]:
    """Realised and estimated values, and the share of labels that are known, window by window."""
    return [
        Moment(
            month_of(point),
            math.nan if point.realised is None else point.realised,
            math.nan if point.estimated is None else point.estimated,
            point.labelled_rows / point.rows if point.rows else None,
        )
        for point in timeline
    ]


def _verdict(chosen: Chosen) -> list[Line]:
    signal = chosen.signal
    ink = "bad" if signal.breached else "ok"
    word = "past its limit" if signal.breached else "within its limit" if signal.limit_value is not None else "no limit"
    found = [
        line(
            (f"{signal.name} ", "bold"),
            (words.number(signal.value), ink),
            (f" · limit {words.number(signal.limit_value)} · {word} · better {signal.direction}", "dim"),
        )
    ]
    in_a_row = 0
    for point in reversed(chosen.points):
        if not point.breached:
            break
        in_a_row += 1
    if in_a_row:
        first = (chosen.points[-in_a_row].window_from or "–")[:10]
        past = sum(1 for point in chosen.points if point.breached)
        text = f"{in_a_row} window{'' if in_a_row == 1 else 's'} in a row since {first}"
        found.append(line((f"{text}, past it in {past} of {len(chosen.points)}", "dim")))
    return found


def _slices(chosen: Chosen, width: int) -> list[Line]:
    """The worst slices of the same metric, in a line."""
    if not chosen.slices:
        return []
    text = " · ".join(
        f"{getattr(one, 'slice', None) or one.name} {words.number(one.value)}" for one in chosen.slices[:4]
    )
    return [
        line(("slices ", "dim"), piece) if at == 0 else line(piece)
        for at, piece in enumerate(wrapped(text, width - 8, 2))
    ]


def _alert(alert: AlertRow | None, causes: Sequence[Cause], width: int, glyphs: Glyphs) -> list[Line]:
    if alert is None:
        return []
    found: list[Line] = [line((piece, "warn")) for piece in wrapped(f"{glyphs.alert} {alert.says}", width, 2)]
    if alert.acknowledged_by:
        until = (alert.acknowledged_until or "")[:16].replace("T", " ")
        found.append(
            line((f"acknowledged by {alert.acknowledged_by} until {until}: {alert.acknowledged_reason}", "dim"))
        )
    if alert.owner:
        found.append(line((f"belongs to {alert.owner}", "dim")))
    for at, cause in enumerate(causes[:3]):
        head = "likely cause: " if at == 0 else "or: "
        text = f"{head}{cause.name} · {cause.what}"
        found += [line((piece, "" if at == 0 else "dim")) for piece in wrapped(text, width, 2 if at == 0 else 1)]
    return found


__all__ = ["Cause", "Chosen", "health_lines", "moments_of", "signal_lines"]
