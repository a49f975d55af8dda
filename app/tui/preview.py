"""A run in a pane: state, why, next, code, steps, what it uses, the last lines of its log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.geometry import Size

from app.store.queries.runs import (
    LogRow,
    RunDetail,
    SampleRow,
    TaskRow,
    last_log_lines_of,
    resources_of,
    run_detail,
    tasks_of,
)
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import sparkline
from app.tui.glyphs import Glyphs, state_of
from app.tui.lines import Line, Span, between, fit, line, wrapped

LABEL = 7
LEVELS = {"error": "bad", "warning": "warn", "debug": "faint"}


@dataclass(frozen=True)
class Preview:
    """What the pane at the right shows."""

    detail: RunDetail
    tasks: tuple[TaskRow, ...]
    log: tuple[LogRow, ...]
    samples: tuple[SampleRow, ...]


def of(reader: Reader, key: str) -> Preview:
    """What the ledger knows of one run, briefly."""
    return Preview(
        run_detail(reader, key),
        tuple(tasks_of(reader, key)),
        tuple(last_log_lines_of(reader, key, limit=40)),
        tuple(resources_of(reader, key)[-240:]),
    )


def lines(
    detail: RunDetail,
    tasks: Sequence[TaskRow],
    log: Sequence[LogRow],
    samples: Sequence[SampleRow],
    size: Size,
    now: datetime,
    glyphs: Glyphs,
) -> list[Line]:
    """The whole pane, the log at its lower end as long as there is room."""
    width = max(size.width, 20)
    shown = head(detail, tasks, now, glyphs, width)
    shown += steps(tasks, width, glyphs)
    shown += resources(samples, width, glyphs)
    shown.append(())
    shown.append(between(line(("last log lines", "head")), line(("l ", "key"), ("for all", "dim")), width))
    room = max(size.height - len(shown), 3)
    shown += [log_line(row, width) for row in log[-room:]]
    if not log:
        shown.append(line(("  nothing yet", "dim")))
    return shown


def head(detail: RunDetail, tasks: Sequence[TaskRow], now: datetime, glyphs: Glyphs, width: int) -> list[Line]:
    """State, why, next, code."""
    run = detail.row
    word, ink = parts.state(run.state, glyphs)
    failing = next((task.name for task in tasks if task.state in ("failed", "crashed")), "")
    shown: list[Line] = [_fact("state", ((word + (f" in {failing}" if failing else ""), ink),))]
    if run.state == "running":
        begun = words.moment(run.started_at)
        elapsed = (now - begun).total_seconds() if begun else None
        eta = parts.eta_of(run, elapsed)
        left: Span = (f"  {words.span(eta)} to go" if eta is not None else "", "dim")
        shown.append(_fact("doing", (*parts.progress(run, min(26, width - LABEL - 14), glyphs), left)))
    for at, piece in enumerate(wrapped(run.error, width - LABEL, 3) if run.error else []):
        shown.append(_fact("why" if at == 0 else "", ((piece, "bad"),)))
    for at, piece in enumerate(wrapped(run.next_step, width - LABEL, 2) if run.next_step else []):
        shown.append(_fact("next" if at == 0 else "", ((piece, "key"),)))
    cause = f"{run.cause}{' ' + run.cause_key if run.cause_key else ''} · {run.requested_by}"
    shown.append(_fact("cause", ((cause, ""),)))
    code = (detail.commit or "–")[:6] + (" dirty" if detail.dirty else "")
    memory = f"   peak {words.size(detail.peak_rss_bytes)}" if detail.peak_rss_bytes else ""
    shown.append(_fact("code", ((f"{code}   seed {detail.seed if detail.seed is not None else '–'}{memory}", ""),)))
    times = f"{words.start(run.started_at, now)} · {words.lasted(run.duration_s)}"
    shown.append(_fact("time", ((times, ""),)))
    if run.metric:
        shown.append(_fact("metric", ((f"{run.metric} {words.number(run.value)}", "bold"),)))
    return shown


def steps(tasks: Sequence[TaskRow], width: int, glyphs: Glyphs) -> list[Line]:
    """The tasks one after the other, and a bar that shows where the time went."""
    if not tasks:
        return []
    spans: list[Span] = []
    for at, task in enumerate(tasks):
        glyph, ink = state_of(task.state, glyphs)
        spans += [(" ▏ " if glyphs.name != "ascii" else " | ", "faint")] if at else []
        done = words.lasted(task.duration_s) if task.duration_s is not None else words.percent(task.share)
        spans += [(f"{task.name} ", ""), (glyph, ink), (f" {done}", "dim")]
    whole = sum(task.duration_s or 0.0 for task in tasks)
    room = width - LABEL - 2
    bars: list[Span] = []
    for at, task in enumerate(tasks):
        share = (task.duration_s or 0.0) / whole if whole else 0.0
        bars.append(
            (
                ("▆" if at % 2 == 0 else "▃") * max(round(share * room), 1 if task.duration_s else 0),
                state_of(task.state, glyphs)[1],
            )
        )
    shown = [_fact("steps", tuple(spans))]
    if glyphs.name != "ascii" and whole:
        shown.append(_fact("", tuple(bars)))
    running = [task for task in tasks if task.state == "running" and task.says]
    shown += [_fact("", ((task.says, "accent"),)) for task in running]
    return shown


def resources(samples: Sequence[SampleRow], width: int, glyphs: Glyphs) -> list[Line]:
    """CPU and memory over the run."""
    if not samples:
        return []
    room = max(width - LABEL - 12, 4)
    cpu = [sample.cpu_percent for sample in samples]
    memory = [float(sample.rss_bytes) if sample.rss_bytes is not None else None for sample in samples]
    shown = [
        _fact("cpu", ((fit(sparkline(cpu, room, glyphs, low=0), room), "now"), (f" {_last(cpu):5.0f} %", "dim"))),
        _fact(
            "memory",
            ((fit(sparkline(memory, room, glyphs, low=0), room), "now"), (f" {words.size(_last(memory)):>7}", "dim")),
        ),
    ]
    gpu = [sample.gpu_percent for sample in samples]
    if any(value is not None for value in gpu):
        shown.append(
            _fact(
                "gpu",
                ((fit(sparkline(gpu, room, glyphs, low=0, high=100), room), "now"), (f" {_last(gpu):5.0f} %", "dim")),
            )
        )
    return shown


def brief(detail: RunDetail, tasks: Sequence[TaskRow], glyphs: Glyphs) -> list[Line]:
    """The two lines of a narrow screen."""
    run = detail.row
    word, ink = parts.state(run.state, glyphs)
    failing = next((task.name for task in tasks if task.state in ("failed", "crashed")), "")
    where = f" in {failing}" if failing else f" · {tasks[-1].name}" if tasks and run.state == "running" else ""
    why = f" · {run.error}" if run.error else f" · {tasks[-1].says}" if tasks and tasks[-1].says else ""
    first = line((f"{run.key[:6]} ", "bold"), (word + where, ink), (why, ""))
    step = run.next_step or ("x cancel" if run.state == "running" else "r run again")
    second = line(("next: ", "dim"), (step, "key"), (f" · {glyphs.enter} full detail", "dim"))
    return [first, second]


def log_line(row: LogRow, width: int) -> Line:
    """One line of a log."""
    ink = LEVELS.get(row.level, "")
    first = row.says.strip().splitlines()
    text = first[-1] if row.level == "error" and first and first[0].startswith("Traceback") else row.says
    return line(("  " + words.clock(row.at), "faint"), " ", (fit(text, max(width - 11, 4)), ink))


def _fact(label: str, spans: Sequence[Span]) -> Line:
    return (((f"{label:<{LABEL}}"), "dim"), *spans)


def _last(values: Sequence[float | None]) -> float:
    return next((value for value in reversed(values) if value is not None and math.isfinite(value)), 0.0)


__all__ = ["Preview", "brief", "head", "lines", "log_line", "of", "resources", "steps"]
