"""Runs: what failed, and why? A list over keyset pages, and a preview that follows the cursor."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.domain.errors import Usage
from app.store.queries.runs import (
    RunFilter,
    RunRow,
    baseline_of,
    count_of_runs,
    page_of_runs,
    run_filter,
)
from app.store.queries.seek import cursor_at
from app.store.reader import Reader
from app.tui import parts, preview, words
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.preview import Preview
from app.tui.run_asks import ask_again, ask_edit
from app.tui.screens.compare import CompareScreen
from app.tui.screens.place import PlaceScreen
from app.tui.screens.run import RunScreen, ask_cancel

PAGE = 160
MOST_COUNTED = 100_000
"""A filter's rows are counted no further: a list of a million runs answers as fast as a short one."""
COLUMNS = (
    Column("run", "RUN", 6, wide=12, cut=True, sort="requested"),
    Column("flow", "FLOW", 12, sort="flow", grow=True),
    Column("state", "STATE", 11, sort="state"),
    Column("start", "START", 10, drop=2, sort="started", wide=12),
    Column("duration", "DURATION", 9, drop=1, right=True, sort="duration"),
    Column("metric", "METRIC", 7, drop=3, right=True),
    Column("by", "BY", 8, drop=4, sort="by", wide=14),
)


@dataclass(frozen=True)
class Wish:
    """Which rows: filter, order, the first one that is needed, and the run under the cursor."""

    filter: str
    sort: str
    descending: bool
    top: int
    chosen: str | None


@dataclass(frozen=True)
class Body:
    """A window of runs, how many there are with and without the filter, the preview."""

    rows: tuple[RunRow, ...]
    first: int
    total: int
    everything: int
    preview: Preview | None
    wrong: str = ""


class RunsScreen(PlaceScreen):
    """The list of all runs."""

    place: ClassVar[str] = "runs"
    AUTO_FOCUS = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._top = 0
        self._seen_total: int | None = None
        self._drawn: dict[str, tuple[RunRow, Row]] = {}
        self._look: tuple[object, str] | None = None
        self._page: tuple[tuple[int, Wish], Body] | None = None

    def panes(self) -> ComposeResult:
        """The list, the preview, and its two lines on a narrow screen."""
        empty = parts.empty("No run is here.", "esc", "takes a filter away", "trainmaster train run")
        with Horizontal(classes="row"):
            grid = Grid(COLUMNS, id="runs", title="Runs", empty=empty, local=False, classes="bare")
            grid.choice.sort = "requested"
            yield grid
            yield Panel("Preview", id="preview", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """What the grid shows now."""
        grid = self.query_one("#runs", Grid)
        chosen = str(grid.cursor_id) if grid.cursor_id is not None else None
        return Wish(self._filter, grid.choice.sort or "requested", grid.choice.descending, self._top, chosen)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """Count, seek, read one window, and the preview of the chosen run."""
        rows = (reader.version(), replace(wish, chosen=None))
        if self._page is None or self._page[0] != rows:
            self._page = (rows, self._load_page(reader, wish))
        body = self._page[1]
        chosen = wish.chosen if wish.chosen is not None else body.rows[0].key if body.rows else None
        return replace(body, preview=preview.of(reader, chosen)) if chosen and not body.wrong else body

    def _load_page(self, reader: Reader, wish: Wish) -> Body:
        everything = count_of_runs(reader)
        try:
            compiled: RunFilter | None = run_filter(wish.filter) if wish.filter.strip() else None
        except Usage as error:
            return Body((), 0, 0, everything, None, f"{error.where}: {error.message}")
        total = count_of_runs(reader, where=compiled, most=MOST_COUNTED) if compiled else everything
        first = max(min(wish.top - PAGE // 3, total - PAGE), 0)
        after = cursor_at(reader, first, where=compiled, sort=wish.sort, descending=wish.descending) if first else None
        page = page_of_runs(reader, where=compiled, sort=wish.sort, descending=wish.descending, after=after, limit=PAGE)
        return Body(page.rows, first, total, everything, None)

    def show(self, snapshot: Body) -> None:
        """Fill list and preview; the cursor stays on its run."""
        self._show_rows(snapshot)
        self._show_note(snapshot)
        self._show_preview(snapshot)

    def _show_rows(self, body: Body) -> None:
        """A row is made again only when its run is another one, or running and older; not once a poll."""
        now, glyphs = self.control.clock(), self.control.glyphs
        look = (now.astimezone().date(), glyphs.name)
        before = self._drawn if self._look == look else {}
        drawn: dict[str, tuple[RunRow, Row]] = {}
        for run in body.rows:
            kept = before.get(run.key)
            fresh = kept is None or run.state == "running" or (kept[0] is not run and kept[0] != run)
            drawn[run.key] = (run, row_of(run, now, glyphs)) if fresh or kept is None else kept
        self._drawn, self._look = drawn, look
        rows = tuple(row for _, row in drawn.values())
        self.query_one("#runs", Grid).show(Window(rows, body.first, body.total))

    def _show_note(self, snapshot: Body) -> None:
        grid = self.query_one("#runs", Grid)
        top = grid.scroll_offset.y
        if top == 0 or self._seen_total is None:
            self._seen_total = snapshot.total
        new = snapshot.total - self._seen_total
        last = min(top + grid.page, snapshot.total)
        above = f"{new} new above · " if new > 0 else ""
        note = f"{above}rows {top + 1:,}–{last:,} of {snapshot.total:,}" if snapshot.total else ""
        grid.head("Runs", note)

    def _show_preview(self, snapshot: Body) -> None:
        panel, brief = self.query_one("#preview", Panel), self.query_one("#brief", Panel)
        found = snapshot.preview
        if found is None:
            panel.head("Preview")
            panel.show([line(("nothing is chosen", "dim"))])
            brief.show([line(("nothing is chosen", "dim"))])
            return
        now, glyphs = self.control.clock(), self.control.glyphs
        run = found.detail.row
        panel.head(f"{run.key[:6]} {run.flow} · follows the cursor")
        lines = preview.lines(found.detail, found.tasks, found.log, found.samples, panel.size, now, glyphs)
        panel.show(lines)
        brief.show(preview.brief(found.detail, found.tasks, glyphs))

    def tick(self) -> None:
        """Running rows get older."""
        body: Body = self.body
        if any(run.state == "running" for run in body.rows):
            self._show_rows(body)
        self._show_note(body)
        if body.preview is not None and body.preview.detail.row.state == "running":
            self._show_preview(body)

    def trail(self) -> str:
        """The filter."""
        return f"/{self._filter}" if self._filter else ""

    def status(self) -> Line:
        """Filter, counts, marks and order."""
        body: Body | None = self.body
        if body is None:
            return ()
        grid = self.query_one("#runs", Grid)
        if body.wrong:
            return line(" ", (f"/{self._filter}", "bold"), "   ", (body.wrong, "bad"))
        more = "+" if body.total == MOST_COUNTED else ""
        count = f"{body.total:,}{more} of {body.everything:,} runs" if self._filter else f"{body.everything:,} runs"
        marks = f" · {len(grid.choice.marks)} marked" if grid.choice.marks else ""
        order = (
            f" · {self.control.glyphs.down if grid.choice.descending else self.control.glyphs.up} {grid.choice.sort}"
        )
        shown = (f"/{self._filter}   ", "accent") if self._filter else ("", "")
        return line(" ", shown, (count + marks + order, "dim"))

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """The preview follows."""
        event.stop()
        self.poller.nudge()

    def on_grid_wanted(self, event: Grid.Wanted) -> None:
        """The cursor comes near the end of what is loaded."""
        event.stop()
        self._top = event.first
        self.poller.nudge(soon=True)

    def on_grid_sorted(self, event: Grid.Sorted) -> None:
        """Another order: from the top."""
        event.stop()
        event.grid.reset()
        self._top = 0
        self.poller.nudge(reload=True)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Tasks, log, parameters, metrics, resources."""
        event.stop()
        self.app.push_screen(RunScreen(str(event.id)))

    def do_list_filter(self) -> None:
        """Type a filter."""
        self.ask("/", self._filter)

    def filter_typed(self, value: str | None, *, final: bool) -> None:
        """Filter while it is typed; escape takes it away."""
        wanted = (value or "").strip()
        if wanted != self._filter:
            self._filter, self._top, self._seen_total = wanted, 0, None
            self.query_one("#runs", Grid).reset()
            self.poller.nudge(reload=True)
        if final:
            self.query_one("#runs", Grid).focus()

    def leave_filter(self) -> bool:
        """Take the filter away."""
        if not self._filter:
            return False
        self.filter_typed(None, final=True)
        return True

    def _chosen(self) -> RunRow | None:
        grid = self.query_one("#runs", Grid)
        return next((run for run in self.body.rows if run.key == grid.cursor_id), None) if self.body else None

    def do_run_again(self) -> None:
        """A form with the run's parameters: the same run again, or with others."""
        run = self._chosen()
        if run is not None:
            ask_again(self.control, run.key)

    def do_run_compare(self) -> None:
        """Compare the marked runs, or the one under the cursor with the pinned baseline."""
        grid = self.query_one("#runs", Grid)
        keys = [str(key) for key in sorted(grid.choice.marks, key=str)]
        run = self._chosen()
        if run is not None and len(keys) < 2 and run.key not in keys:
            keys.append(run.key)
        if len(keys) < 2 and not (run is not None and baseline_of(self.control.reader(), run.project)):
            self.control.say("Mark 2 to 12 runs with space, then c compares them.", severity="warning")
        elif len(keys) > 12:
            self.control.say(f"{len(keys)} runs are marked; at most 12 are compared.", severity="warning")
        else:
            self.app.push_screen(CompareScreen(keys))

    def do_run_edit(self) -> None:
        """A note and tags."""
        run = self._chosen()
        if run is not None:
            ask_edit(self.control, run.key)

    def do_run_cancel(self) -> None:
        """Cancel the run, after a yes."""
        run = self._chosen()
        if run is not None:
            ask_cancel(self.control, run)

    def do_run_logs(self) -> None:
        """The whole log."""
        run = self._chosen()
        if run is not None:
            self.app.push_screen(RunScreen(run.key, tab="log"))

    def do_list_copy(self) -> None:
        """Copy the run's key."""
        run = self._chosen()
        if run is not None:
            self.app.copy_to_clipboard(run.key)
            self.control.say(f"copied {run.key}")


def row_of(run: RunRow, now: Any, glyphs: Any) -> Row:
    """A row of the list."""
    begun = words.moment(run.started_at)
    lasting = (now - begun).total_seconds() if run.state == "running" and begun else run.duration_s
    return Row(
        run.key,
        (
            (run.key, ""),
            (run.flow, ""),
            parts.state(run.state, glyphs),
            (words.start(run.started_at or run.requested_at, now), "dim"),
            (words.lasted(lasting), ""),
            (words.number(run.value), "" if run.value is not None else "dim"),
            (run.requested_by, "dim"),
        ),
    )
