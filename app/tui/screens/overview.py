"""Overview: what should I do now?"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.reader import Reader
from app.tui import needs, parts, river, words
from app.tui.charts import sparkline
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line
from app.tui.metric import chart, realised
from app.tui.panel import Lines, Panel
from app.tui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from app.store.queries.monitoring import SignalPoint
    from app.store.queries.overview import Need, Overview
    from app.store.queries.registry import VersionRow

NEEDS = (
    Column("sev", "SEV", 4),
    Column("what", "WHAT", 26, grow=True),
    Column("since", "SINCE", 6, drop=2, right=True),
    Column("next", "NEXT STEP", 19, drop=1),
)
RUNNING = (
    Column("run", "RUN", 6, drop=2),
    Column("flow", "FLOW", 10),
    Column("step", "STEP", 14, grow=True, drop=1),
    Column("progress", "PROGRESS", 22),
    Column("eta", "ETA", 6, right=True),
)
ACTIVITY = (
    Column("at", "TIME", 8),
    Column("who", "WHO", 10, drop=2),
    Column("did", "DID", 20),
    Column("what", "WHAT", 30),
    Column("why", "WHY", 10, grow=True, drop=3),
    Column("undo", "", 8, drop=1, right=True),
)


@dataclass(frozen=True)
class Body:
    """Everything on the screen."""

    look: "Overview"
    champion: "VersionRow | None"
    metric: str
    points: "tuple[SignalPoint, ...]"


class OverviewScreen(PlaceScreen):
    """River, what needs you, the champion's metric, what runs, the machine, what happened."""

    place: ClassVar[str] = "overview"
    AUTO_FOCUS = "#needs"

    def panes(self) -> ComposeResult:
        """River over needs and metric over running and machine over activity."""
        yield Lines(id="river")
        nothing = parts.empty("Nothing needs you.", "3", "shows the runs", "trainmaster status")
        idle = parts.empty("Nothing runs.", "5", "shows the models", "trainmaster train run")
        quiet = parts.empty("Nothing happened yet.", "2", "shows the data", "trainmaster demo")
        with Horizontal(classes="row upper"):
            yield Grid(NEEDS, id="needs", title="Needs you", empty=nothing)
            yield Panel("Champion", id="metric", classes="wide-only")
        with Horizontal(classes="row lower"):
            yield Grid(RUNNING, id="running", title="Running now", empty=idle)
            yield Panel("Infrastructure", id="machine", classes="wide-only")
        yield Grid(ACTIVITY, id="activity", title="Activity", empty=quiet)
        yield Panel(id="brief", classes="brief")

    def load(self, reader: Reader, _wish: Any) -> Body:
        """Counts, needs, runs, events, and the history of the champion's metric."""
        # here, in the poller's thread, and not at the top: the first frame does not wait for queries to be imported
        from app.store.queries.charter import headline_metrics
        from app.store.queries.monitoring import signal_history
        from app.store.queries.overview import overview
        from app.store.queries.registry import models, production_of

        look = overview(reader, activity=20)
        look = replace(look, needs=needs.by_severity(look.needs))
        model = look.river.champion_model
        if model is None:
            return Body(look, None, "", ())
        metrics = headline_metrics(reader)
        project = next(row.project for row in models(reader) if row.name == model)
        metric = metrics.get(project, "auc")
        points = tuple(signal_history(reader, project, metric))
        return Body(look, production_of(reader, project), metric, points)

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        now, glyphs, width = self.control.clock(), self.control.glyphs, self.app.size.width
        look = snapshot.look
        self.query_one("#river", Lines).show(
            river.lines(look.river, snapshot.champion, snapshot.metric, now, glyphs, width)
        )
        grid = self.query_one("#needs", Grid)
        grid.show(Window.of([needs.row(need, now, glyphs) for need in look.needs]))
        oldest = min((need.since for need in look.needs), default=None)
        grid.head(f"Needs you · {len(look.needs)}", f"oldest {words.ago(oldest, now)}" if oldest else "")
        self._show_running(snapshot)
        events = self.query_one("#activity", Grid)
        events.show(Window.of([needs.event_row(event) for event in look.activity]))
        events.head(f"Activity · last {len(look.activity)}")

    def tick(self) -> None:
        """Ages, the machine, the chart."""
        body: Body = self.body
        now, glyphs = self.control.clock(), self.control.glyphs
        self.query_one("#needs", Grid).show(Window.of([needs.row(need, now, glyphs) for need in body.look.needs]))
        self._show_running(body)
        panel = self.query_one("#machine", Panel)
        samples = list(self.control.samples)
        lines = parts.meters(samples, glyphs, panel.size.width)
        river_now = body.look.river
        jobs = f"{river_now.runs_running} running · {river_now.runs_waiting} waiting"
        panel.show([*lines, line(("jobs ", "dim"), jobs)])
        metric = self.query_one("#metric", Panel)
        title, drawn = chart(body.champion, body.metric, body.points, metric.size, glyphs)
        metric.head(title)
        metric.show(drawn)
        self._show_brief(body)

    def _show_running(self, body: Body) -> None:
        now, glyphs = self.control.clock(), self.control.glyphs
        grid = self.query_one("#running", Grid)
        rows = []
        for run in sorted(body.look.running, key=lambda run: run.state != "running"):
            begun = words.moment(run.started_at)
            elapsed = (now - begun).total_seconds() if begun else None
            step = run.task or "waits for the worker"
            step = f"{step} · {run.says}" if run.says and run.task else step
            eta = words.span(parts.eta_of(run, elapsed)) if run.state == "running" else "–"
            rows.append(
                Row(
                    run.key,
                    (
                        (run.key[:6], "dim"),
                        (run.flow, ""),
                        (step, "" if run.task else "dim"),
                        parts.progress(run, 22, glyphs),
                        (eta, ""),
                    ),
                )
            )
        grid.show(Window.of(rows))
        grid.head(f"Running now · {len(rows)}")

    def _show_brief(self, body: Body) -> None:
        glyphs = self.control.glyphs
        champion = body.champion
        first: Line = line(("no model is in production yet  ", ""), ("5", "key"), (" registry", "dim"))
        if champion is not None:
            values, _, _ = realised(champion, body.metric, body.points)
            value = words.number(values[-1] if values else None)
            first = line(
                ("champion ", "dim"),
                (f"{champion.model} v{champion.version} ", "bold"),
                f"{body.metric} {value} ",
                (sparkline(values, 20, glyphs), "now"),
            )
        samples = list(self.control.samples)
        cpu = sparkline([s.cpu_percent for s in samples], 16, glyphs, low=0, high=100)
        memory = sparkline([s.memory_percent for s in samples], 16, glyphs, low=0, high=100)
        second = line(("cpu ", "dim"), (cpu, "now"), ("  mem ", "dim"), (memory, "now"))
        self.query_one("#brief", Panel).show([first, second])

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Open the thing itself."""
        event.stop()
        if event.grid.id == "running":
            self._open_run(str(event.id))
        elif event.grid.id == "needs":
            need = self._need()
            if need is not None:
                needs.open_need(self.control, need)
        else:
            found = next((e for e in self.body.look.activity if e.seq == event.id), None)
            if found is not None:
                needs.open_subject(self.control, found.subject)

    def _open_run(self, key: str) -> None:
        from app.tui.screens.run import RunScreen

        self.app.push_screen(RunScreen(key))

    def _need(self) -> "Need | None":
        row = self.query_one("#needs", Grid).current
        if row is None or self.body is None:
            return None
        return next((need for need in self.body.look.needs if needs.id_of(need) == row.id), None)

    def do_need_run(self) -> None:
        """The next step of what is under the cursor."""
        need = self._need()
        if need is not None:
            needs.run_need(self.control, need)

    async def do_need_acknowledge(self) -> None:
        """Acknowledge the alert under the cursor, or take the item of feedback on."""
        need = self._need()
        if need is not None and need.kind == "feedback":
            from app.tui.dialogs.feedback import take_on

            take_on(self.control, need.keys)
        if need is not None and need.kind == "alert":
            from app.tui.dialogs.monitoring import ask_acknowledge

            await ask_acknowledge(self.control, need.key, need.what, others=need.others)

    def do_need_resolve(self) -> None:
        """Answer the item of feedback under the cursor."""
        need = self._need()
        if need is not None and need.kind == "feedback":
            from app.tui.dialogs.feedback import ask_resolve

            ask_resolve(self.control, need.keys, need.what)

    async def do_need_promote(self) -> None:
        """Open the promotion dialog of the version under the cursor."""
        need = self._need()
        if need is not None and need.kind == "version":
            from app.tui.dialogs.registry import ask_promote

            model, _, version = need.key.rpartition("/")
            await ask_promote(self.control, model, int(version))

    def do_need_logs(self) -> None:
        """The log of the run under the cursor."""
        need = self._need()
        if need is not None and need.kind == "run":
            self._open_run(need.key)
