"""What the Monitoring place shows: reports, signals, health and alerts, read once where they cannot change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.workspace import Workspace
from app.store.moments import parse_utc, utc_text
from app.store.queries.alerts import AlertRow
from app.store.queries.content import content_of
from app.store.queries.health import HealthRow, health_points, health_signals
from app.store.queries.monitoring import (
    DecisionRow,
    ReportRow,
    SignalPoint,
    SignalRow,
    alerts,
    decisions,
    quality_timeline,
    reports,
    signal_histories,
    signals_of,
)
from app.store.queries.registry import version_of
from app.store.reader import Reader
from app.tui.bars import Bin, bins_of
from app.tui.chosen_signal import Cause, Chosen
from app.tui.signals import HEALTH, by_severity, health_id, ordered

HISTORY = 40


@dataclass(frozen=True)
class Wish:
    """Which project's report, which signal of it, and which alert."""

    project: str | None
    signal: str | None
    alert: str | None = None


@dataclass(frozen=True)
class Watched:
    """What one report brought; it never changes, so it is read once."""

    signals: tuple[SignalRow, ...] = ()
    histories: dict[str, tuple[SignalPoint, ...]] | None = None


@dataclass(frozen=True)
class Body:
    """The newest report, its signals with their history, health, the chosen signal, alerts and decisions."""

    projects: tuple[str, ...]
    report: ReportRow | None
    signals: tuple[SignalRow, ...]
    histories: dict[str, tuple[SignalPoint, ...]]
    health: tuple[HealthRow, ...]
    past: dict[int, list[float]]
    chosen: Chosen | None
    chosen_health: HealthRow | None
    chosen_alert: AlertRow | None
    causes: tuple[Cause, ...]
    alerts: tuple[AlertRow, ...]
    decisions: tuple[DecisionRow, ...]


class Watch:
    """Loads what the screen wishes; runs in the poller's thread and touches no widget."""

    def __init__(self, workspace: Callable[[], Workspace]) -> None:
        self._workspace = workspace
        self._watched: dict[str, Watched] = {}
        self._causes: dict[tuple[str, int], tuple[Cause, ...]] = {}
        self._looked, self._points = "", dict[int, list[float]]()

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The newest report of the wished project, or of the one that was looked at last, and what goes with it."""
        newest = reports(reader, limit=50)
        projects = tuple(dict.fromkeys(report.project for report in newest))
        report = next((r for r in newest if wish.project in (None, r.project)), None)
        found = by_severity(alerts(reader, limit=100))
        health = tuple(health_signals(reader, scope=report.project if report else wish.project))
        past = self._past(reader, health)
        watched = self._read(reader, report) if report is not None else Watched()
        histories = watched.histories or {}
        bad = {alert.signal: alert.severity for alert in found if alert.state != "resolved"}
        signals = ordered(watched.signals, bad)
        asked = next((a for a in found if a.key == wish.alert), None)
        wanted = wish.signal
        if asked is not None:  # an alert that is looked at shows its own signal
            wanted = asked.signal if asked.report else f"{HEALTH}{asked.project}:{asked.signal}"
        chosen = next((s for s in signals if s.name == wanted), None)
        well = next((one for one in health if health_id(one) == wanted), None)
        if chosen is None and well is None and signals:
            chosen = signals[0]
        name = chosen.name if chosen is not None else well.name if well is not None else ""
        alert = asked or next((a for a in found if a.signal == name and a.state != "resolved"), None)
        causes = self._look_into(reader, alert)
        return Body(
            projects,
            report,
            signals,
            histories,
            health,
            past,
            self._chosen(reader, report, chosen, watched, alert, causes) if report and chosen else None,
            well,
            alert,
            causes,
            found,
            tuple(decisions(reader, limit=100)),
        )

    def _past(self, reader: Reader, health: tuple[HealthRow, ...]) -> dict[int, list[float]]:
        """The last hour of every signal of health, read anew after each look."""
        looked = max((one.checked_at for one in health), default="")
        if looked != self._looked:
            since = utc_text(parse_utc(looked) - timedelta(minutes=HISTORY + 2)) if looked else ""
            self._points, self._looked = health_points(reader, each=HISTORY, since=since), looked
        return self._points

    def _read(self, reader: Reader, report: ReportRow) -> Watched:
        known = self._watched.get(report.key)
        if known is None:
            histories = signal_histories(reader, report.project, limit=HISTORY)
            known = Watched(
                tuple(signals_of(reader, report.key)),
                {name: tuple(points) for name, points in histories.items()},
            )
            self._watched = {report.key: known}
        return known

    def _chosen(
        self, reader: Reader, report: ReportRow, signal: SignalRow, watched: Watched, alert: AlertRow | None,
        causes: tuple[Cause, ...],
    ) -> Chosen:  # fmt: skip
        histories = watched.histories or {}
        feature = signal.feature or ("score" if signal.name.endswith(".score") else None)
        bins: tuple[Bin, ...] = ()
        if feature:
            profile = content_of(reader, version_of(reader, report.model, report.version).profile)
            bins = bins_of(profile, content_of(reader, report.profile), feature)
        metric = signal.name.removeprefix("estimated.")
        slices = [
            one
            for one in watched.signals
            if one.name != signal.name and one.slice and one.name.startswith(f"{metric}.")
        ]
        worst = sorted(slices, key=lambda one: one.value if one.direction == "higher" else -one.value)
        return Chosen(
            signal,
            histories.get(signal.name, ()),
            tuple(quality_timeline(reader, report.project, metric, limit=HISTORY))
            if signal.kind in ("quality", "estimate")
            else (),
            bins,
            tuple(worst),
            alert if alert is not None and alert.signal == signal.name else None,
            causes,
        )

    def _look_into(self, reader: Reader, alert: AlertRow | None) -> tuple[Cause, ...]:
        """The likely causes of an alert, looked into once for each time that it was seen."""
        if alert is None:
            return ()
        key = (alert.key, alert.seen)
        if key not in self._causes:
            from app.domain.errors import TrainmasterError
            from app.services.monitoring.causes import explain

            try:
                found = explain(reader, self._workspace(), alert.key, most=3).suspects
            except TrainmasterError:
                found = ()
            causes = tuple(Cause(f"{one.kind} {one.name}", one.what, one.score, one.next_step) for one in found)
            self._causes = {**dict(list(self._causes.items())[-50:]), key: causes}
        return self._causes[key]


__all__ = ["Body", "Watch", "Watched", "Wish"]
