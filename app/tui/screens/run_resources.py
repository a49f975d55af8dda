"""The resources tab of a run: what it was expected to need, and CPU, memory, GPU, disk and energy over its time."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.store.queries.machine import (
    AdmissionRow,
    EstimateRow,
    UsageRow,
    VerdictRow,
    admissions_of,
    estimate_of,
    usage_of,
    verdict_of,
)
from app.store.queries.runs import SampleRow
from app.store.reader import Reader
from app.tui import words
from app.tui.charts import plot
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line

BADGES = {"identical": "ok", "tolerance": "warn", "diverged": "bad"}


@dataclass(frozen=True)
class Resources:
    """Everything beside the samples."""

    usage: UsageRow | None = None
    estimate: EstimateRow | None = None
    admissions: tuple[AdmissionRow, ...] = ()
    verdict: VerdictRow | None = None


def load(reader: Reader, run: str) -> Resources:
    """Read it for one run."""
    return Resources(
        usage_of(reader, run), estimate_of(reader, run), tuple(admissions_of(reader, run)), verdict_of(reader, run)
    )


def badge(verdict: VerdictRow | None) -> Line:
    """Whether the run was made again, in a word; never tried is said, too."""
    if verdict is None:
        return line(("again   ", "dim"), ("not tried · trainmaster runs reproduce", "dim"))
    where = f" at {verdict.step}" if verdict.verdict == "diverged" else ""
    return line(("again   ", "dim"), (verdict.verdict + where, BADGES.get(verdict.verdict, "")))


def lines(found: Resources, samples: Sequence[SampleRow], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The lines of the tab: figures first, then a chart for each series that has a reading."""
    shown = _figures(found, width)
    if not samples:
        return [*shown, line(("No reading yet; the first comes a second after the start.", "dim"))]
    series = (
        ("CPU", [s.cpu_percent for s in samples], "%", 1.0),
        ("memory", [s.rss_bytes for s in samples], "MB", 1024.0**2),
        ("GPU", [s.gpu_percent for s in samples], "%", 1.0),
        ("GPU memory", [s.gpu_memory_bytes for s in samples], "MB", 1024.0**2),
    )
    charts = [(n, [v / scale for v in values if v is not None], u) for n, values, u, scale in series]
    charts = [(name, known, unit) for name, known, unit in charts if known]
    room = max(min((height - len(shown)) // max(1, len(charts)) - 2, 10), 3)
    for name, known, unit in charts:
        head = f"now {known[-1]:,.0f} {unit} · peak {max(known):,.0f} {unit}"
        shown.append(line((f"{name}  ", "head"), (head, "dim")))
        top = max(*known, 1.0)
        shown += [
            line((text, "now")) for text in plot(known, max(width - 2, 8), room, low=0.0, high=top, glyphs=glyphs)
        ]
        shown.append(())
    if not any(s.gpu_percent is not None for s in samples):
        shown.append(line(("GPU  ", "head"), ("no reading", "dim")))
    return shown


def _figures(found: Resources, width: int) -> list[Line]:
    shown: list[Line] = []
    usage, estimate = found.usage, found.estimate
    if usage is not None:
        disk = f"read {words.size(usage.read_bytes)} · wrote {words.size(usage.written_bytes)}"
        energy = "the machine does not tell" if usage.energy_j is None else f"{usage.energy_j:,.0f} J of the machine"
        shown.append(
            line(("device  ", "dim"), (usage.device, "bold"), (f"   peak {words.size(usage.peak_rss_bytes)}", ""))
        )
        shown.append(line(("disk    ", "dim"), (fit(disk, max(width - 8, 4)).rstrip(), "")))
        shown.append(line(("energy  ", "dim"), (energy, "dim" if usage.energy_j is None else "")))
    if estimate is not None:
        low, high = words.lasted(estimate.seconds_low), words.lasted(estimate.seconds_high)
        told = f"{words.lasted(estimate.seconds)} ({low} to {high})"
        shown.append(
            line(
                ("expected", "dim"),
                (f"  {told} · {words.size(estimate.rss_bytes)}", ""),
                (f"  {estimate.basis}", "dim"),
            )
        )
        if estimate.actual_seconds is not None:
            off = estimate.actual_seconds / estimate.seconds - 1 if estimate.seconds else 0.0
            inside = estimate.seconds_low <= estimate.actual_seconds <= estimate.seconds_high
            was = f"  {words.lasted(estimate.actual_seconds)} · {words.size(estimate.actual_rss_bytes)}"
            shown.append(line(("needed  ", "dim"), (was, "bold"), (f"  {off:+.0%}", "" if inside else "warn")))
    if found.admissions:
        last = found.admissions[-1]
        ink = {"admitted": "ok", "queued": "warn", "refused": "bad"}.get(last.decision, "")
        shown.append(line((f"{last.decision:<8}", ink), (fit("  " + last.says, max(width - 8, 4)).rstrip(), "dim")))
    shown.append(badge(found.verdict))
    shown.append(())
    return shown


__all__ = ["Resources", "badge", "lines", "load"]
