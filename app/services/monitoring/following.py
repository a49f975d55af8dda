"""What follows from a report: alerts opened, seen again or resolved, and a decision about each retrain."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref
from app.domain.project import Alerts
from app.domain.states import Severity
from app.services.feedback.deciding import decide_about, decide_growth
from app.services.monitoring import alerting
from app.services.monitoring.alerting import Breach
from app.services.predictions import Production
from app.services.running import RunContext
from app.services.workspaces import now
from app.store.tables import Alert, FeatureSet, MonitorReport, Signal

if TYPE_CHECKING:
    from app.monitoring.report import Report, SignalValue


@dataclass(frozen=True)
class Outcome:
    """Alerts opened (key, signal, severity, words), alerts resolved (key), and decisions (key, yes or no, why)."""

    opened: tuple[tuple[str, str, str, str], ...] = ()
    resolved: tuple[str, ...] = ()
    decisions: tuple[tuple[str, bool, str], ...] = field(default=())


def follow(
    session: Session,
    run: RunContext,
    row: MonitorReport,
    production: Production,
    features: FeatureSet,
    found: "Report",
    *,
    says_window: str,
    is_new: bool,
    only: frozenset[str] | None = None,
) -> Outcome:
    """Write alerts and decisions of a report in the transaction of `session`.

    A signal opens an alert after `open_after` windows in a row past its limit, and resolves it after `resolve_after`
    within it; one that is watched no more resolves it at once. A breached signal with an alert is decided about each
    time it is seen; a yes of an earlier report that no run has taken yet holds back another. With `only` nothing but
    these signals is followed: the window is not the newest one, but the newest that knows them.
    """
    rules, moment, evidence = run.project.file.alerts, now(), Ref("report", row.key)
    standing = alerting.unresolved(session, run.project_id, reported=True)
    if only is not None:
        standing = {name: alert for name, alert in standing.items() if name in only}
        found = replace(found, signals=tuple(signal for signal in found.signals if signal.name in only))
    resolved = _end(session, standing, found, rules, is_new=is_new)
    opened: list[tuple[str, str, str, str]] = []
    decisions: list[tuple[str, bool, str]] = []
    for signal in sorted(found.breached, key=lambda each: each.kind != "quality"):
        alert = standing.get(signal.name)
        breach = _breach(signal, row, production, found, says_window)
        if alert is None:
            needed = rules.open_after_of(signal.name)
            if needed > 1 and windows_in_a_row(session, row, signal.name, most=needed) < needed:
                continue
            alert = alerting.open_alert(session, run.project_id, breach, rules, moment, evidence=evidence)
            opened.append((alert.key, alert.signal, str(alert.severity), alert.says))
        elif is_new:
            alerting.see_again(session, alert, breach, rules, moment, evidence=evidence)
        decisions.append(decide_about(session, run, alert, features, moment, report=row))
    if only is None:
        decisions.extend(decide_growth(session, run, features, moment, row))
    return Outcome(tuple(opened), resolved, tuple(decisions))


def windows_in_a_row(session: Session, row: MonitorReport, signal: str, *, most: int) -> int:
    """In how many of the newest windows in a row, up to the report's own, a signal was past its limit (at most `most`).

    Of a window that was reported twice the newest report counts; windows in which the signal had no value are passed
    over, for they say neither yes nor no.
    """
    found = session.execute(
        select(
            col(MonitorReport.id),
            col(MonitorReport.window_from),
            col(MonitorReport.window_to),
            col(Signal.breached),
            col(Signal.special),
        )
        .join(Signal, col(Signal.report_id) == col(MonitorReport.id))
        .where(
            col(MonitorReport.project_id) == row.project_id,
            col(Signal.name) == signal,
            col(MonitorReport.id) <= row.id,
        )
        .order_by(col(MonitorReport.id).desc())
        .limit(most * 20)
    ).all()
    windows: dict[object, bool] = {}
    for report, begin, end, breached, special in found:
        if row.window_to is not None and end is not None and end > row.window_to:
            continue
        window = (begin, end) if begin is not None or end is not None else report
        if special is None and window not in windows:
            windows[window] = bool(breached)
    in_a_row = 0
    for breached in _newest_first(windows):
        if not breached or in_a_row == most:
            break
        in_a_row += 1
    return in_a_row


def _newest_first(windows: Mapping[object, bool]) -> list[bool]:
    by_time = sorted(windows, key=lambda window: str(window[1]) if isinstance(window, tuple) else "", reverse=True)
    return [windows[window] for window in by_time]


def _end(
    session: Session, standing: dict[str, Alert], found: "Report", rules: Alerts, *, is_new: bool
) -> tuple[str, ...]:
    known, moment = {signal.name: signal for signal in found.signals}, now()
    ended = []
    for name, alert in standing.items():
        signal = known.get(name)
        if signal is None:
            alerting.end(session, alert, rules, moment, reason="it is watched no more")
            ended.append(alert.key)
        elif (
            signal.value == signal.value
            and not signal.breached
            and alerting.see_quiet(session, alert, rules, moment, counts=is_new)
        ):
            ended.append(alert.key)
    return tuple(ended)


def _breach(
    signal: "SignalValue", row: MonitorReport, production: Production, found: "Report", says_window: str
) -> Breach:
    return Breach(
        signal=signal.name,
        kind=signal.kind,
        severity=Severity.CRITICAL if signal.kind == "quality" else Severity.WARNING,
        says=_says(signal, production, says_window),
        value=signal.value,
        limit=signal.limit,
        feature=signal.feature,
        slice=signal.slice,
        rows=found.labelled_rows if signal.kind == "quality" else found.rows,
        window=(row.window_from, row.window_to),
        version_id=production.version_id,
        report_id=row.id,
    )


def _says(signal: "SignalValue", production: Production, says_window: str) -> str:
    side = "under" if str(signal.direction) == "higher" else "over"
    limit = f"{signal.limit:.3f}" if signal.limit is not None else "its limit"
    return f"{signal.name} {signal.value:.3f} is {side} {limit} in {says_window} (version {production.version})"


__all__ = ["Outcome", "follow", "windows_in_a_row"]
