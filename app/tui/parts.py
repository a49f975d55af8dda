"""Spans that several places draw the same way: a state, a run's progress, a machine's meters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.tui import words
from app.tui.charts import bar, sparkline
from app.tui.glyphs import Glyphs, state_of
from app.tui.lines import Line, Span, fit, line

if TYPE_CHECKING:
    from app.machine.sampler import MachineSample
    from app.store.queries.runs import RunRow


def empty(sentence: str, key: str, does: str, command: str) -> tuple[Line, ...]:
    """An empty state: one sentence, one key, one command."""
    return (line("  " + sentence), (), line("  ", (key, "key"), (f" {does} · ", "dim"), (command, "key")))


def state(word: str, glyphs: Glyphs) -> Span:
    """A state as glyph, word and ink.

    >>> from app.tui.glyphs import BRAILLE
    >>> state("failed", BRAILLE)
    ('✗ failed', 'bad')
    """
    glyph, ink = state_of(word, glyphs)
    return f"{glyph} {word}", ink


def share_of(run: "RunRow") -> float | None:
    """How far a run is, from 0 to 1: finished stages and the share of the one that runs."""
    if run.state == "completed":
        return 1.0
    if not run.stages:
        return None
    current = (run.share or 0.0) if run.state == "running" and (run.share or 0.0) < 1.0 else 0.0
    return min((run.stages_done + current) / run.stages, 1.0)


def eta_of(run: "RunRow", elapsed_s: float | None) -> float | None:
    """Seconds to go, by the share done so far; the task's own estimate when it is longer."""
    share = share_of(run)
    whole = elapsed_s * (1 - share) / share if elapsed_s is not None and share else None
    return max((s for s in (whole, run.eta_s) if s is not None), default=None)


def progress(run: "RunRow", width: int, glyphs: Glyphs) -> Line:
    """A bar of a run's progress with its percentage, `width` cells."""
    share = share_of(run)
    figure = f"{words.percent(share):>6}"
    filled = bar(share, max(width - len(figure), 1), glyphs)
    cut = filled.count(glyphs.full)
    return ((filled[:cut], "accent"), (filled[cut:], "faint"), (figure, ""))


def meters(samples: "Sequence[MachineSample]", glyphs: Glyphs, width: int) -> list[Line]:
    """CPU, memory, each GPU and the disk: figure, sparkline, detail."""
    if not samples:
        return [line(("reading the machine …", "dim"))]
    now = samples[-1]
    room = max(width - 30, 6)

    def row(name: str, value: float | None, series: Sequence[float | None], detail: str) -> Line:
        ink = "bad" if value is not None and value >= 95 else "warn" if value is not None and value >= 85 else ""
        figure = f"{value:3.0f} %" if value is not None else "  – %"
        chart = sparkline(series, room, glyphs, low=0, high=100)
        return line((f"{name:<5}", "dim"), (figure, ink), " ", (fit(chart, room), "now"), " ", (detail, "dim"))

    cores = f"{len(now.cores_percent)} cores"
    load = f" · load {now.load:.1f}" if now.load is not None else ""
    lines = [
        row("CPU", now.cpu_percent, [s.cpu_percent for s in samples], cores + load),
        row(
            "MEM",
            now.memory_percent,
            [s.memory_percent for s in samples],
            f"{words.size(now.memory_used_bytes)} / {words.size(now.memory_total_bytes)}",
        ),
    ]
    for at, gpu in enumerate(now.gpus):
        series = [s.gpus[at].percent if at < len(s.gpus) else None for s in samples]
        heat = f"{gpu.celsius:.0f} °C  " if gpu.celsius is not None else ""
        lines.append(row(f"GPU{gpu.index}", gpu.percent, series, f"{heat}{words.size(gpu.memory_used_bytes)}"))
    if not now.gpus:
        lines.append(line(("GPU  ", "dim"), ("none that NVML knows", "faint")))
    free = (
        words.size(now.disk_total_bytes - now.disk_used_bytes) + " free"
        if now.disk_total_bytes is not None and now.disk_used_bytes is not None
        else "–"
    )
    lines.append(row("DISK", now.disk_percent, [s.disk_percent for s in samples], free))
    return lines


def metric_of(metrics: dict[str, float], name: str) -> str:
    """A metric's value as text."""
    return words.number(metrics.get(name))


__all__ = ["empty", "eta_of", "meters", "metric_of", "progress", "share_of", "state"]
