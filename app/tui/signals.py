"""Signals as rows: those of the newest report and those of health, the worst first, each with its past."""

import math
from collections.abc import Mapping, Sequence

from app.store.queries.alerts import AlertRow
from app.store.queries.health import HealthRow
from app.store.queries.monitoring import SignalPoint, SignalRow
from app.tui import words
from app.tui.charts import sparkline
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Row

COLUMNS = (
    Column("mark", "", 2),
    Column("signal", "SIGNAL", 14, grow=True),
    Column("now", "NOW", 7, right=True),
    Column("limit", "LIMIT", 7, right=True, drop=1),
    Column("history", "WINDOWS", 10, drop=2),
)
HEALTH = "health:"
SPARK = 10
_KINDS = ("quality", "estimate", "drift", "prediction", "data", "serving")


def by_severity(found: Sequence[AlertRow]) -> tuple[AlertRow, ...]:
    """Unresolved alerts before resolved ones, critical before warning, newest first."""
    newest = sorted(found, key=lambda alert: alert.opened_at, reverse=True)
    return tuple(sorted(newest, key=lambda alert: (alert.state == "resolved", alert.severity != "critical")))


def ordered(signals: Sequence[SignalRow], alerts: Mapping[str, str]) -> tuple[SignalRow, ...]:
    """Signals by severity: past their limit with a critical alert first, then the other breached ones, then by kind.

    `alerts` says how bad the open alert of a signal is.
    """

    def place(signal: SignalRow) -> tuple[bool, bool, int, float, str]:
        kind = _KINDS.index(signal.kind) if signal.kind in _KINDS else len(_KINDS)
        weight = signal.importance or 0.0
        return (not signal.breached, alerts.get(signal.name) != "critical", kind, -weight, signal.name)

    return tuple(sorted(signals, key=place))


def signal_row(signal: SignalRow, values: Sequence[float], severity: str | None, glyphs: Glyphs) -> Row:
    """A row of a report's signal."""
    known = math.isfinite(signal.value)
    scale = [v for v in (*values, signal.limit_value) if v is not None and math.isfinite(v)]
    low = min(scale, default=0.0) if signal.direction == "higher" else 0.0
    spark = sparkline(list(values), SPARK, glyphs, low=low, high=max(scale, default=1.0))
    slice_ = signal.slice
    name = signal.name if not slice_ or slice_ in signal.name else f"{signal.name} {slice_}"
    mark, ink = _mark(signal.breached, severity, glyphs)
    return Row(
        signal.name,
        (
            (mark, ink),
            (name, "bold" if signal.breached else ""),
            (words.number(signal.value) if known else "–", "bad" if signal.breached else "" if known else "dim"),
            (words.number(signal.limit_value), "dim"),
            (spark, ink if signal.breached else "now"),
        ),
    )


def health_row(one: HealthRow, values: Sequence[float], glyphs: Glyphs) -> Row:
    """A row of a signal of health."""
    mark, ink = _mark(one.breached, one.severity, glyphs)
    spark = sparkline(
        list(values), SPARK, glyphs, low=min([0.0, *values]), high=max([*values, one.limit_value or 0.0, 1e-9])
    )
    return Row(
        health_id(one),
        (
            (mark, ink),
            (one.name, "bold" if one.breached else ""),
            (measured(one.value, one.unit), "bad" if one.breached else ""),
            (measured(one.limit_value, one.unit), "dim"),
            (spark, ink if one.breached else "now"),
        ),
    )


def health_id(one: HealthRow) -> str:
    """What names a signal of health in the list."""
    return f"{HEALTH}{one.scope}:{one.name}"


def measured(value: float | None, unit: str) -> str:
    """A number with its unit, short.

    >>> measured(91.6, "%"), measured(None, "s"), measured(5400.0, "s"), measured(3.25, "d")
    ('92 %', '–', '1 h', '3.2 d')
    """
    if value is None:
        return "–"
    match unit:
        case "%":
            return f"{value:.0f} %"
        case "s":
            return words.span(value)
        case "h":
            return words.span(value * 3600)
        case "d":
            return f"{value:.1f} d"
        case "bytes":
            return words.size(value)
        case _:
            return words.number(value)


def values_of(points: Sequence[SignalPoint]) -> list[float]:
    """The values of a signal's history."""
    return [point.value for point in points]


def _mark(breached: bool, severity: str | None, glyphs: Glyphs) -> tuple[str, str]:
    if not breached:
        return " ", ""
    return (glyphs.alert * 2, "bad") if severity == "critical" else (glyphs.alert, "warn")


__all__ = [
    "COLUMNS",
    "HEALTH",
    "by_severity",
    "health_id",
    "health_row",
    "measured",
    "ordered",
    "signal_row",
    "values_of",
]
