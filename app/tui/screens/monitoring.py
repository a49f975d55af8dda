"""Monitoring: has the world moved? Signals by severity, the chosen one at large with its likely cause, alerts."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.alerts import AlertRow
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import sparkline
from app.tui.chosen_signal import health_lines, signal_lines
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen
from app.tui.signals import COLUMNS, HEALTH, health_row, measured, signal_row, values_of
from app.tui.watched import Body, Watch, Wish

ALERTS = (
    Column("state", "STATE", 14),
    Column("severity", "SEVERITY", 10, drop=2),
    Column("says", "WHAT", 30, grow=True),
    Column("owner", "OWNER", 8, drop=3),
    Column("model", "MODEL", 16, drop=4),
    Column("seen", "SEEN", 5, drop=5, right=True),
    Column("since", "SINCE", 6, right=True),
    Column("decision", "RETRAIN", 12, drop=1),
)


class MonitoringScreen(PlaceScreen):
    """Signals at the left, the chosen one at the right, alerts below."""

    place: ClassVar[str] = "monitoring"
    AUTO_FOCUS = "#signals"

    def __init__(self) -> None:
        super().__init__()
        self._project: str | None = None
        self._watch = Watch(lambda: self.control.workspace)
        self._shown: object = None

    def panes(self) -> ComposeResult:
        """Signals, the chosen one, alerts, and two lines for a narrow screen."""
        nothing = parts.empty("No report yet: the monitor has not looked.", "t", "looks now", "trainmaster monitor run")
        quiet = parts.empty("No alert was ever opened.", "t", "tests now", "trainmaster alerts ls")
        with Horizontal(classes="row"):
            yield Grid(COLUMNS, id="signals", title="Signals", empty=nothing)
            yield Panel("Reference against now", id="chosen", classes="wide-only")
        yield Grid(ALERTS, id="alerts", title="Alerts", empty=quiet)
        yield Panel(id="brief", classes="brief")

    # -- loading -------------------------------------------------------------------------------------------------

    def wish(self) -> Wish:
        """The chosen project and signal, and the chosen alert while the alerts have the focus."""
        found = self.query_one("#signals", Grid).cursor_id
        listed = self.query_one("#alerts", Grid)
        alert = str(listed.cursor_id) if self.focused is listed and listed.cursor_id is not None else None
        return Wish(self._project, str(found) if found is not None else None, alert)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The newest report of the project, or of the one that was looked at last."""
        return self._watch.load(reader, wish)

    # -- showing -------------------------------------------------------------------------------------------------

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs = self.control.glyphs
        self._show_signals(snapshot, glyphs)
        self._show_alerts(snapshot)
        panel = self.query_one("#chosen", Panel)
        title, note, lines = self._large(snapshot, panel.size.width, panel.size.height, glyphs)
        panel.head(title, note)
        panel.show(lines)
        self.query_one("#brief", Panel).show(self._brief(snapshot, glyphs))

    def _show_signals(self, snapshot: Body, glyphs: Glyphs) -> None:
        """The rows are made anew only when a signal, an alert or a look is new, not when the cursor moves."""
        shown = (snapshot.signals, snapshot.health, snapshot.alerts, glyphs.name)
        if shown == self._shown:
            return
        self._shown = shown
        grid = self.query_one("#signals", Grid)
        bad = {alert.signal: alert.severity for alert in snapshot.alerts if alert.state != "resolved"}
        rows = [
            signal_row(one, values_of(snapshot.histories.get(one.name, ())), bad.get(one.name), glyphs)
            for one in snapshot.signals
        ]
        well = [health_row(one, snapshot.past.get(one.id, []), glyphs) for one in snapshot.health]
        first = sum(1 for one in snapshot.signals if one.breached)
        ill = sum(1 for one in snapshot.health if one.breached)
        worst = sorted([*rows[:first], *well[:ill]], key=lambda row: row.cells[0][1] != "bad")
        grid.show(Window.of([*worst, *rows[first:], *well[ill:]]))
        features = len({one.feature for one in snapshot.signals if one.feature})
        slices = len({one.slice for one in snapshot.signals} - {None})
        more = f", {slices} slices" if slices else ""
        past = (
            f"{glyphs.alert}{first + ill} past the limit" if first + ill else "all within their limits" if rows else ""
        )
        grid.head(f"Signals · {features} features{more}, {len(rows) + len(well)} in all", past)

    def _large(self, body: Body, width: int, height: int, glyphs: Glyphs) -> tuple[str, str, list[Line]]:
        if body.chosen_health is not None:
            one = body.chosen_health
            alert = body.chosen_alert if body.chosen_alert and body.chosen_alert.signal == one.name else None
            values = body.past.get(one.id, [])
            title, lines = health_lines(one, values, alert, body.causes if alert else (), width, height, glyphs)
            return title, f"looked at {words.ago(one.checked_at, self.control.clock())} ago", lines
        if body.chosen is None or body.report is None:
            return "Reference against now", "", [line(("nothing is chosen", "dim"))]
        report = body.report
        window = f"{(report.window_from or '')[:10]} to {(report.window_to or '')[:10]}"
        title, lines = signal_lines(body.chosen, width, height, glyphs)
        return title, f"window {window} · n now {report.rows:,}", lines

    def _brief(self, body: Body, glyphs: Glyphs) -> list[Line]:
        keys = line(
            ("a", "key"), (" ack · ", "dim"), ("e", "key"), (" limit · ", "dim"), ("t", "key"), (" test · ", "dim"),
            ("r", "key"), (" retrain", "dim"),
        )  # fmt: skip
        if body.chosen_health is not None:
            one = body.chosen_health
            ink = "bad" if one.breached else "ok"
            return [line((one.name, "bold"), " ", (measured(one.value, one.unit), ink), (f" {one.says}", "dim")), keys]
        if body.chosen is None:
            return [line(("no report yet", "dim"))]
        signal = body.chosen.signal
        first = line(
            (signal.name, "bold"), " ",
            (words.number(signal.value), "bad" if signal.breached else "ok"),
            (f" limit {words.number(signal.limit_value)} ", "dim"),
            (sparkline(values_of(body.chosen.points), 24, glyphs), "now"),
        )  # fmt: skip
        cause = body.chosen.causes[:1] if body.chosen.alert else ()
        return [first, line((f"likely cause: {cause[0].name} · {cause[0].what}", "")) if cause else keys]

    def tick(self) -> None:
        """Ages."""
        self._show_alerts(self.body)

    def _show_alerts(self, body: Body) -> None:
        glyphs, now = self.control.glyphs, self.control.clock()
        decided = {decision.alert: decision for decision in reversed(body.decisions)}
        grid = self.query_one("#alerts", Grid)
        rows = []
        for alert in body.alerts:
            decision = decided.get(alert.key)
            retrain = "–"
            if decision is not None:
                retrain = f"run {decision.run[:6]}" if decision.run else "wanted" if decision.retrain else "no"
            muted = alert.muted_until is not None and alert.state != "resolved"
            about = f"{alert.model} v{alert.version}" if alert.model else alert.project or "workspace"
            rows.append(
                Row(
                    alert.key,
                    (
                        ("· muted", "dim") if muted else parts.state(alert.state, glyphs),
                        parts.state(alert.severity, glyphs),
                        (alert.says, ""),
                        (alert.owner or "–", "" if alert.owner else "dim"),
                        (about, "dim"),
                        (f"{alert.seen}x", "dim"),
                        (words.ago(alert.opened_at, now), "dim"),
                        (retrain, "accent" if decision and decision.retrain else "dim"),
                    ),
                )
            )
        grid.show(Window.of(rows))
        still = sum(1 for alert in body.alerts if alert.state == "open")
        grid.head(f"Alerts · {still} open", f"{len(body.alerts)} in all")

    def trail(self) -> str:
        """Model and version that the report is about."""
        report = self.body.report if self.body else None
        return f"{report.model} v{report.version}" if report else ""

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another signal, or another alert, is chosen."""
        event.stop()
        self.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """An alert chooses its signal; a signal is shown large."""
        event.stop()
        if event.grid.id == "alerts" and self.body is not None:
            alert = next((a for a in self.body.alerts if a.key == event.id), None)
            if alert is not None:
                signals = self.query_one("#signals", Grid)
                signals.cursor_to(alert.signal if alert.report else f"{HEALTH}{alert.project}:{alert.signal}")
                signals.focus()
        elif self.maximized is None:
            self.maximize(self.query_one("#chosen", Panel))

    def do_tab_next(self) -> None:
        """The next project."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The project before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        if self.body and len(self.body.projects) > 1:
            here = self.body.report.project if self.body.report else self.body.projects[0]
            at = self.body.projects.index(here) + by
            self._project = self.body.projects[at % len(self.body.projects)]
            self.query_one("#signals", Grid).reset()
            self.poller.nudge(reload=True)

    def _alert(self) -> AlertRow | None:
        if self.body is None:
            return None
        if self.focused is self.query_one("#alerts", Grid):
            chosen = self.query_one("#alerts", Grid).cursor_id
            return next((a for a in self.body.alerts if a.key == chosen), None)
        opened = [a for a in self.body.alerts if a.state == "open"]
        shown: AlertRow | None = self.body.chosen_alert
        return shown if shown in opened else opened[0] if opened else None

    async def do_alert_acknowledge(self) -> None:
        """Acknowledge the alert of the chosen signal, or the chosen alert."""
        from app.tui.dialogs.monitoring import ask_acknowledge

        alert = self._alert()
        if alert is None:
            self.control.say("No alert is open.")
        elif alert.state != "open":
            self.control.say(f"alert {alert.key} is {alert.state} already")
        else:
            await ask_acknowledge(self.control, alert.key, alert.says)

    async def do_alert_resolve(self) -> None:
        """Resolve the alert of the chosen signal, or the chosen alert, by hand."""
        from app.tui.dialogs.monitoring import ask_resolve

        alert = self._alert()
        if alert is None or alert.state == "resolved":
            self.control.say("No alert is open." if alert is None else f"alert {alert.key} is resolved already")
        else:
            await ask_resolve(self.control, alert.key, alert.says)

    async def do_monitor_threshold(self) -> None:
        """Edit the limit of the chosen signal, with what it would have done so far."""
        from app.tui.dialogs.monitoring import ask_limit

        if self.body is None or self.body.chosen is None or self.body.report is None:
            says = "limits of health stand in [alerts.health] of project.toml and trainmaster.toml"
            self.control.say(says if self.body is not None and self.body.chosen_health else "no signal is chosen")
            return
        await ask_limit(self.control, self.body.report.project, self.body.chosen.signal, self.body.chosen.points)

    def do_monitor_retrain(self) -> None:
        """Ask for a retrain as the policy does it; an open alert is told as what it is about."""
        from app.tui.dialogs.feedback import ask_retrain

        project = self._project_here()
        if project is None:
            return
        alert = self._alert()
        caused = alert is not None and alert.project == project and alert.state == "open"
        ask_retrain(self.control, project, about=alert.says if caused and alert else "")

    def do_monitor_test(self) -> None:
        """Look at the newest window now."""
        project = self._project_here()
        if project is not None:
            self.control.start_act(self.control.acts.request(project, "monitor"), done="the monitor looks; 3 shows it")

    def _project_here(self) -> str | None:
        if self.body is not None and self.body.report is not None:
            return str(self.body.report.project)
        return self.control.only_project()

    def copied(self, grid: Grid) -> str:
        """An alert's root cause as a command; a signal's name."""
        if grid.id == "alerts":
            return f"trainmaster alerts explain {grid.cursor_id}"
        return str(grid.cursor_id).removeprefix(HEALTH)
