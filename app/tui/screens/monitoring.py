"""Monitoring: has the world moved? Signals against their limits, the chosen one's bins, alerts."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.content import content_of
from app.store.queries.monitoring import (
    AlertRow,
    DecisionRow,
    ReportRow,
    SignalPoint,
    SignalRow,
    alerts,
    decisions,
    reports,
    signal_histories,
    signals_of,
)
from app.store.queries.registry import version_of
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.bars import Bin, bar_lines, bins_of
from app.tui.charts import sparkline
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line, wrapped
from app.tui.metric import draw, month_of
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen

SIGNALS = (
    Column("mark", "", 1),
    Column("signal", "SIGNAL", 14, grow=True),
    Column("now", "NOW", 6, right=True),
    Column("limit", "LIMIT", 6, right=True, drop=1),
    Column("history", "WINDOWS", 10, drop=2),
)
ALERTS = (
    Column("state", "STATE", 14),
    Column("severity", "SEVERITY", 10, drop=2),
    Column("says", "WHAT", 30, grow=True),
    Column("model", "MODEL", 18, drop=3),
    Column("seen", "SEEN", 5, drop=4, right=True),
    Column("since", "SINCE", 6, right=True),
    Column("decision", "RETRAIN", 16, drop=1),
)


@dataclass(frozen=True)
class Wish:
    """Which project's report, and which signal of it."""

    project: str | None
    signal: str | None


@dataclass(frozen=True)
class Body:
    """The newest report, its signals with their history, the chosen one's bins, alerts and decisions."""

    projects: tuple[str, ...]
    report: ReportRow | None
    signals: tuple[SignalRow, ...]
    histories: dict[str, tuple[SignalPoint, ...]]
    chosen: SignalRow | None
    bins: tuple[Bin, ...]
    alerts: tuple[AlertRow, ...]
    decisions: tuple[DecisionRow, ...]
    says: str = ""


class MonitoringScreen(PlaceScreen):
    """Signals at the left, the chosen one at the right, alerts below."""

    place: ClassVar[str] = "monitoring"
    AUTO_FOCUS = "#signals"

    def __init__(self) -> None:
        super().__init__()
        self._project: str | None = None

    def panes(self) -> ComposeResult:
        """Signals, the chosen one, alerts, and two lines for a narrow screen."""
        nothing = parts.empty("No report yet: the monitor has not looked.", "t", "looks now", "trainmaster monitor run")
        quiet = parts.empty("No alert was ever opened.", "t", "tests now", "trainmaster alerts ls")
        with Horizontal(classes="row"):
            yield Grid(SIGNALS, id="signals", title="Signals", empty=nothing)
            yield Panel("Reference against now", id="chosen", classes="wide-only")
        yield Grid(ALERTS, id="alerts", title="Alerts", empty=quiet)
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """The chosen project and signal."""
        found = self.query_one("#signals", Grid).cursor_id
        return Wish(self._project, str(found) if found is not None else None)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The newest report of the project, or of the one that was looked at last."""
        newest = reports(reader, limit=50)
        projects = tuple(dict.fromkeys(report.project for report in newest))
        report = next((r for r in newest if wish.project in (None, r.project)), None)
        found = by_severity(alerts(reader, limit=100))
        decided = tuple(decisions(reader, limit=100))
        if report is None:
            return Body(projects, None, (), {}, None, (), found, decided)
        signals = tuple(sorted(signals_of(reader, report.key), key=_order))
        histories = {k: tuple(v) for k, v in signal_histories(reader, report.project, limit=40).items()}
        chosen = next((s for s in signals if s.name == wish.signal), signals[0] if signals else None)
        bins: tuple[Bin, ...] = ()
        feature = _feature(chosen)
        if feature:
            profile = content_of(reader, version_of(reader, report.model, report.version).profile)
            bins = bins_of(profile, content_of(reader, report.profile), feature)
        return Body(projects, report, signals, histories, chosen, bins, found, decided)

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs = self.control.glyphs
        grid = self.query_one("#signals", Grid)
        grid.show(Window.of([_signal_row(s, snapshot.histories.get(s.name, ()), glyphs) for s in snapshot.signals]))
        breached = sum(1 for signal in snapshot.signals if signal.breached)
        count = sum(1 for signal in snapshot.signals if signal.feature)
        grid.head(
            f"Signals · {count} features, {len(snapshot.signals)} in all",
            f"{glyphs.alert}{breached} past the limit"
            if breached
            else "all within their limits"
            if snapshot.signals
            else "",
        )
        self._show_alerts(snapshot)
        panel = self.query_one("#chosen", Panel)
        title, note, lines = self._chosen_lines(snapshot, panel.size.width, panel.size.height, glyphs)
        panel.head(title, note)
        panel.show(lines)
        brief: list[Line] = [line(("no report yet", "dim"))]
        if snapshot.chosen is not None:
            signal = snapshot.chosen
            points = [point.value for point in snapshot.histories.get(signal.name, ())]
            ink = "bad" if signal.breached else "ok"
            brief = [
                line(
                    (signal.name, "bold"),
                    " ",
                    (words.number(signal.value), ink),
                    (f" limit {words.number(signal.limit_value)} ", "dim"),
                    (sparkline(points, 24, glyphs), "now"),
                ),
                line(
                    (f"{snapshot.report.rows:,} rows in the window · " if snapshot.report else "", "dim"),
                    ("t", "key"),
                    (" test now · ", "dim"),
                    ("r", "key"),
                    (" retrain", "dim"),
                ),
            ]
        self.query_one("#brief", Panel).show(brief)

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
            rows.append(
                Row(
                    alert.key,
                    (
                        parts.state(alert.state, glyphs),
                        parts.state(alert.severity, glyphs),
                        (alert.says, ""),
                        (f"{alert.model} v{alert.version}", "dim"),
                        (f"{alert.seen}x", "dim"),
                        (words.ago(alert.opened_at, now), "dim"),
                        (retrain, "accent" if decision and decision.retrain else "dim"),
                    ),
                )
            )
        grid.show(Window.of(rows))
        still = sum(1 for alert in body.alerts if alert.state == "open")
        grid.head(f"Alerts · {still} open", f"{len(body.alerts)} in all")

    def _chosen_lines(self, body: Body, width: int, height: int, glyphs: Glyphs) -> tuple[str, str, list[Line]]:
        signal, report = body.chosen, body.report
        if signal is None or report is None:
            return "Reference against now", "", [line(("nothing is chosen", "dim"))]
        points = body.histories.get(signal.name, ())
        window = f"{(report.window_from or '')[:10]} to {(report.window_to or '')[:10]}"
        note = f"window {window} · n now {report.rows:,}"
        ink = "bad" if signal.breached else "ok"
        verdict = (
            "past its limit"
            if signal.breached
            else "within its limit"
            if signal.limit_value is not None
            else "no limit"
        )
        lines: list[Line] = []
        if body.bins:
            title = f"{signal.feature or 'score'} · reference ({glyphs.shade}) against the window ({glyphs.dark})"
            lines += bar_lines(body.bins, width, glyphs)
        else:
            title = f"{signal.name} · over {len(points)} window{'' if len(points) == 1 else 's'}"
            known = [point for point in points if math.isfinite(point.value)]
            if len(known) > 1:
                values, labels = [point.value for point in known], [month_of(point) for point in known]
                lines += draw(values, signal.limit_value, labels, width, max(height - 5, 4), glyphs)
            else:
                lines.append(line(("one window only; the next one draws a line", "dim")))
        lines.append(())
        lines.append(
            line(
                (f"{signal.name} ", "bold"),
                (words.number(signal.value), ink),
                (f" · limit {words.number(signal.limit_value)} · {verdict} · better {signal.direction}", "dim"),
            )
        )
        run = [point for point in points if point.breached]
        if run:
            first = (run[0].window_to or "–")[:10]
            lines.append(
                line(
                    (
                        f"past the limit in {len(run)} of {len(points)} windows, first {first}",
                        "dim",
                    )
                )
            )
        alert = next((a for a in body.alerts if a.signal == signal.name and a.state != "resolved"), None)
        if alert is not None:
            for piece in wrapped(f"{glyphs.alert} {alert.says}", width, 2):
                lines.append(line((piece, "warn")))
            if alert.acknowledged_by:
                lines.append(line((f"acknowledged by {alert.acknowledged_by}: {alert.acknowledged_reason}", "dim")))
            else:
                lines.append(line(("a", "key"), (" acknowledge   ", "dim"), ("r", "key"), (" retrain", "dim")))
        return title, note, lines

    def trail(self) -> str:
        """Model and version that the report is about."""
        report = self.body.report if self.body else None
        return f"{report.model} v{report.version}" if report else ""

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another signal is chosen."""
        event.stop()
        self.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """An alert chooses its signal; a signal is shown large."""
        event.stop()
        if event.grid.id == "alerts" and self.body is not None:
            alert = next((a for a in self.body.alerts if a.key == event.id), None)
            if alert is not None:
                signals = self.query_one("#signals", Grid)
                signals.cursor_to(alert.signal)
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
        name = self.body.chosen.name if self.body.chosen else ""
        opened = [a for a in self.body.alerts if a.state == "open"]
        return next((a for a in opened if a.signal == name), opened[0] if opened else None)

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

    def do_monitor_retrain(self) -> None:
        """Ask for a retrain; an open alert is its cause."""
        project = self._project_here()
        if project is None:
            return
        alert = self._alert()
        caused = alert is not None and alert.project == project and alert.state == "open"
        work = self.control.acts.request(
            project,
            "train",
            cause="alert" if caused else "person",
            cause_key=alert.key if caused and alert else None,
        )
        self.control.start_act(work, done=f"retrain of {project} requested; 3 shows it")

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
        """An alert's acknowledgement as a command; a signal's name."""
        if grid.id == "alerts":
            return f"trainmaster alerts ack {grid.cursor_id} --reason REASON"
        return str(grid.cursor_id)


def _feature(signal: SignalRow | None) -> str | None:
    if signal is None:
        return None
    return signal.feature or ("score" if signal.name == "psi.score" else None)


def by_severity(found: list[AlertRow]) -> tuple[AlertRow, ...]:
    """Unresolved alerts before resolved ones, critical before warning, newest first."""
    newest = sorted(found, key=lambda alert: alert.opened_at, reverse=True)
    return tuple(sorted(newest, key=lambda alert: (alert.state == "resolved", alert.severity != "critical")))


def _order(signal: SignalRow) -> tuple[bool, bool, str]:
    return (not signal.breached, signal.kind != "quality", signal.name)


def _signal_row(signal: SignalRow, points: tuple[SignalPoint, ...], glyphs: Glyphs) -> Row:
    values: list[Any] = [point.value for point in points]
    known = math.isfinite(signal.value)
    scale = [v for v in (*values, signal.limit_value) if v is not None and math.isfinite(v)]
    low = 0.0 if signal.name.startswith("psi.") else min(scale, default=0.0)
    spark = sparkline(values, 10, glyphs, low=low, high=max(scale, default=1.0))
    return Row(
        signal.name,
        (
            (glyphs.alert if signal.breached else " ", "bad"),
            (signal.name, "bold" if signal.breached else ""),
            (words.number(signal.value) if known else "–", "bad" if signal.breached else "" if known else "dim"),
            (words.number(signal.limit_value), "dim"),
            (spark, "bad" if signal.breached else "now"),
        ),
    )
