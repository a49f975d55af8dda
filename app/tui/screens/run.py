"""One run: its summary, and its log, tasks, parameters, metrics and resources as tabs; live while it runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.runs import (
    LogRow,
    NoteRow,
    PointRow,
    RunRow,
    log_lines_of,
    metrics_of,
    notes_of,
    parameters_of,
    point_keys_of,
    points_of,
)
from app.store.reader import Reader
from app.tui import preview, search, words
from app.tui.charts import plot
from app.tui.dialogs.dialog import Ask, fact
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.run_asks import ask_again, ask_edit
from app.tui.screens import run_resources
from app.tui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from app.tui.app import ControlRoom

TABS = ("log", "tasks", "parameters", "metrics", "resources")
MOST_LOG_LINES = 2000


@dataclass(frozen=True)
class Body:
    """Everything about the run."""

    summary: Any
    log: tuple[LogRow, ...]
    parameters: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, float], ...]
    curves: tuple[tuple[str, tuple[PointRow, ...]], ...]
    notes: tuple[NoteRow, ...] = ()
    resources: run_resources.Resources = field(default_factory=run_resources.Resources)


class RunScreen(PlaceScreen):
    """One run, pushed over the place that opened it."""

    place: ClassVar[str] = "runs"
    scope: ClassVar[str] = "run"
    AUTO_FOCUS = "#tab"

    def __init__(self, key: str, tab: str = "log") -> None:
        super().__init__()
        self.key = key
        self._tab = TABS.index(tab)
        self._found = search.Found()
        self._log_lines: list[Line] = []

    def panes(self) -> ComposeResult:
        """Summary at the left, the tab at the right."""
        with Horizontal(classes="row"):
            yield Panel("Run", id="summary")
            yield Panel("Log", id="tab")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> str:
        """Always the same run."""
        return self.key

    def load(self, reader: Reader, wish: str) -> Body:
        """All of it; a log is read to its last lines."""
        summary = preview.of(reader, wish)
        key = summary.detail.row.key
        last = summary.log[-1].seq if summary.log else -1
        log = tuple(log_lines_of(reader, key, after_seq=last - MOST_LOG_LINES, limit=MOST_LOG_LINES))
        curves = tuple((name, tuple(points_of(reader, key, name))) for name in point_keys_of(reader, key)[:6])
        return Body(
            summary,
            log,
            tuple(parameters_of(reader, key).items()),
            tuple(metrics_of(reader, key).items()),
            curves,
            tuple(notes_of(reader, key)),
            run_resources.load(reader, key),
        )

    def trail(self) -> str:
        """Which run."""
        return f"{self.body.summary.detail.row.flow} {self.key[:6]}" if self.body else self.key[:6]

    def show(self, snapshot: Body) -> None:
        """Fill summary and tab."""
        self._draw(snapshot, follow=self.query_one("#tab", Panel).at_end)

    def tick(self) -> None:
        """A running run gets older."""
        if self.body.summary.detail.row.state == "running":
            self._draw(self.body, follow=False)

    def _draw(self, body: Body, *, follow: bool) -> None:
        now, glyphs = self.control.clock(), self.control.glyphs
        summary, panel = self.query_one("#summary", Panel), self.query_one("#tab", Panel)
        found = body.summary
        run = found.detail.row
        summary.head(f"{run.key} · {run.flow}", run.project)
        width = max(summary.size.width, 20)
        lines = preview.head(found.detail, found.tasks, now, glyphs, width)
        lines += preview.steps(found.tasks, width, glyphs)
        lines += preview.resources(found.samples, width, glyphs)
        lines.append(())
        lines += [*_fields(found.detail, width), run_resources.badge(body.resources.verdict)]
        lines += _notes(found.detail, body.notes, width)
        summary.show(lines)
        name = TABS[self._tab]
        panel.head(" ".join(f"[{tab}]" if tab == name else tab for tab in TABS), "[ ] tabs")
        shown = tab_lines(name, body, panel.size.width, max(panel.size.height, 4), glyphs)
        if name == "log":
            self._log_lines = shown
            self._found = self._found.again(shown)
            shown = self._found.painted(shown)
        panel.show(shown)
        if name == "log" and follow and not self._found.words:
            panel.move_to_last()
        self.query_one("#brief", Panel).show(preview.brief(found.detail, found.tasks, glyphs))

    # -- keys ----------------------------------------------------------------------------------------------------

    def do_tab_next(self) -> None:
        """The next tab."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The tab before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._tab = (self._tab + by) % len(TABS)
        panel = self.query_one("#tab", Panel)
        panel.do_list_first()
        if self.body is not None:
            self._draw(self.body, follow=TABS[self._tab] == "log")
        panel.focus()

    def do_run_logs(self) -> None:
        """The log tab, at its end."""
        self._tab = 0
        self._turn(0)

    def do_run_again(self) -> None:
        """A form with its parameters: the same run again, or with others."""
        ask_again(self.control, self.key)

    def do_run_edit(self) -> None:
        """A note and tags."""
        ask_edit(self.control, self.key)

    def do_list_filter(self) -> None:
        """Search in the log."""
        self._tab = TABS.index("log")
        self.ask("/", self._found.words)

    def filter_typed(self, value: str | None, *, final: bool) -> None:
        """What is searched for; the first match from the top, or the same line while more is typed."""
        self._found = search.Found.of(value or "", self._log_lines)
        if self.body is not None:
            self._draw(self.body, follow=False)
        self._show_match()
        if final:
            self.query_one("#tab", Panel).focus()

    def leave_filter(self) -> bool:
        """Search no more."""
        if not self._found.words:
            return False
        self.filter_typed(None, final=True)
        return True

    def do_run_match(self) -> None:
        """The next match."""
        self._found = self._found.step(1)
        self._show_match()

    def do_run_match_back(self) -> None:
        """The match before."""
        self._found = self._found.step(-1)
        self._show_match()

    def _show_match(self) -> None:
        panel = self.query_one("#tab", Panel)
        if self._found.line is not None:
            panel.do_list_first()
            panel.move(max(self._found.line - panel.size.height // 2, 0))
        if self.body is not None:
            self._draw(self.body, follow=False)

    def status(self) -> Line:
        """What is searched for, and where one is in it."""
        return line(" ", (f"/{self._found.words}   ", "accent"), (self._found.says, "dim")) if self._found.words else ()

    def do_run_cancel(self) -> None:
        """Cancel it, after a yes."""
        if self.body is not None:
            ask_cancel(self.control, self.body.summary.detail.row)


def ask_cancel(control: "ControlRoom", run: RunRow) -> None:
    """Ask before a run is cancelled; one that has ended says so."""
    if run.state not in ("running", "requested"):
        control.say(f"run {run.key} is {run.state} already; r runs it again")
        return
    lines: list[Line] = []
    lines += fact("What changes", f"{run.flow} {run.key} stops; nothing half-written remains")
    lines += fact("Who is told", "the run's row and its log")
    lines += fact("Undo", "none: r runs it again from the beginning")
    lines += fact("Same as", f"trainmaster runs cancel {run.key}", "dim")

    def done(confirmed: bool | None) -> None:
        if confirmed:
            control.start_act(control.acts.cancel(run.key), done=f"cancelled {run.key}")

    control.push_screen(Ask(f"Cancel {run.flow} {run.key}", lines, confirm="Stop it"), done)


def _fields(detail: Any, width: int) -> list[Line]:
    fields = (
        ("run", detail.row.key),
        ("project", detail.row.project),
        ("commit", detail.commit),
        ("charter", (detail.charter_digest or "–")[:12]),
        ("lock", (detail.lock_digest or "–")[:12]),
        ("prefect", detail.prefect_id),
    )
    return [line((f"{name:<8}", "dim"), (fit(value, max(width - 8, 4)).rstrip(), "dim")) for name, value in fields]


def _notes(detail: Any, notes: Sequence[NoteRow], width: int) -> list[Line]:
    """Tags and notes, the newest note first."""
    lines: list[Line] = []
    if detail.row.archived_at:
        lines.append(line(("archived", "warn")))
    if detail.row.tags:
        lines += [(), line((f"{'tags':<8}", "dim"), (fit(" ".join(detail.row.tags), max(width - 8, 4)), "accent"))]
    for row in notes[:4]:
        for at, piece in enumerate(wrapped(row.says, max(width - 8, 10), 3)):
            lines.append(line((fit(row.actor if at == 0 else "", 7) + " ", "dim"), (piece, "")))
    return lines


def tab_lines(name: str, body: Body, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The lines of a tab."""
    match name:
        case "log":
            return _log(body.log, width) or [line(("No line yet. ", ""), ("F5", "key"), (" looks again", "dim"))]
        case "tasks":
            return _tasks(body, width, glyphs) or [line(("No task has begun. ", ""), ("trainmaster status", "key"))]
        case "parameters":
            rows = [line((fit(key, 28), ""), " ", (value, "bold")) for key, value in body.parameters]
            return rows or [line(("This run has no parameters.", "dim"))]
        case "metrics":
            return _metrics(body, width, height, glyphs)
        case _:
            return run_resources.lines(body.resources, body.summary.samples, width, height, glyphs)


def _log(log: Sequence[LogRow], width: int) -> list[Line]:
    lines: list[Line] = []
    for row in log:
        ink = preview.LEVELS.get(row.level, "")
        for at, text in enumerate(row.says[:20_000].split("\n")[:80]):
            for piece in wrapped(text, max(width - 9, 10), 6) or [""]:
                stamp = words.clock(row.at) if at == 0 else ""
                lines.append(line((f"{stamp:<8} ", "faint"), (piece, ink)))
    return lines


def _tasks(body: Body, width: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    from app.tui import parts

    for task in body.summary.tasks:
        word, ink = parts.state(task.state, glyphs)
        lasting = words.lasted(task.duration_s) if task.duration_s is not None else words.percent(task.share)
        lines.append(
            line((f"{task.ordinal + 1}  ", "dim"), (fit(task.name, 18), "bold"), (fit(word, 13), ink), (lasting, ""))
        )
        for label, value in (("says", task.says), ("in", task.inputs), ("out", task.outputs), ("error", task.error)):
            if value and value != "[]":
                for at, piece in enumerate(wrapped(value, max(width - 10, 10), 3)):
                    lines.append(
                        line(f"   {label if at == 0 else '':<6} ", (piece, "bad" if label == "error" else "dim"))
                    )
    return lines


def _metrics(body: Body, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    whole = [(k, v) for k, v in body.metrics if not k.startswith("slice.")]
    slices = [(k, v) for k, v in body.metrics if k.startswith("slice.")]
    for name, points in body.curves[:2]:
        values = [point.value for point in points if math.isfinite(point.value)]
        if len(values) > 1:
            low, high = min(values), max(values)
            lines.append(
                line(
                    (f"{name}  ", "head"), (f"{words.number(low)} to {words.number(high)}, {len(values)} steps", "dim")
                )
            )
            room = max(min(height // 4, 8), 3)
            lines += [
                line((text, "now")) for text in plot(values, max(width - 2, 8), room, low=low, high=high, glyphs=glyphs)
            ]
            lines.append(())
    lines += [line((fit(key, 36), ""), (words.number(value, 4), "bold")) for key, value in whole]
    if slices:
        lines += [(), line(("slices", "head"))]
        lines += [
            line((fit(key.removeprefix("slice."), 36), ""), (words.number(value, 4), "")) for key, value in slices
        ]
    return lines or [line(("This run has no metrics.", "dim"))]


__all__ = ["RunScreen", "ask_cancel", "tab_lines"]
