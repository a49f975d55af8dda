"""What follows from a report: alerts opened, seen again or resolved, and a decision about each retrain."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.states import AlertState, Severity
from app.services.feedback.deciding import decide_about
from app.services.predictions import Production
from app.services.running import RunContext
from app.services.workspaces import now
from app.store.lineage import link
from app.store.tables import Alert, FeatureSet, MonitorReport

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
) -> Outcome:
    """Write alerts and decisions of a report in the transaction of `session`.

    An alert is resolved when its signal was computed and is within its limit, or is watched no more. A breached signal
    is decided about each time it is seen; a yes of an earlier report that no run has taken yet holds back another.
    """
    unresolved = {
        alert.signal: alert
        for alert in session.execute(
            select(Alert).where(col(Alert.project_id) == run.project_id, col(Alert.state) != AlertState.RESOLVED)
        ).scalars()
    }
    moment = now()
    resolved = tuple(_resolve(session, alert, moment) for alert in _ended(unresolved, found))
    opened: list[tuple[str, str, str, str]] = []
    decisions: list[tuple[str, bool, str]] = []
    for signal in sorted(found.breached, key=lambda each: each.kind != "quality"):
        alert = unresolved.get(signal.name)
        if alert is None:
            alert = _open(session, run, row, production, signal, says_window, moment)
            opened.append((alert.key, alert.signal, str(alert.severity), alert.says))
        elif is_new:
            _see_again(session, alert, row, _says(signal, production, says_window), moment)
        decisions.append(decide_about(session, run, alert, features, moment))
    return Outcome(tuple(opened), resolved, tuple(decisions))


def _ended(unresolved: dict[str, Alert], found: "Report") -> list[Alert]:
    known = {signal.name: signal for signal in found.signals}
    ended = []
    for name, alert in unresolved.items():
        signal = known.get(name)
        if signal is None or (signal.value == signal.value and not signal.breached):
            ended.append(alert)
    return ended


def _resolve(session: Session, alert: Alert, moment: datetime) -> str:
    alert.state, alert.resolved_at = AlertState.RESOLVED, moment
    session.add(alert)
    session.flush()
    return alert.key


def _open(
    session: Session,
    run: RunContext,
    row: MonitorReport,
    production: Production,
    signal: "SignalValue",
    says_window: str,
    moment: datetime,
) -> Alert:
    alert = Alert(
        key=new_key(),
        project_id=run.project_id,
        version_id=production.version_id,
        report_id=row.id or 0,
        signal=signal.name,
        severity=Severity.CRITICAL if signal.kind == "quality" else Severity.WARNING,
        says=_says(signal, production, says_window),
        opened_at=moment,
        last_seen_at=moment,
    )
    session.add(alert)
    session.flush()
    link(session, [(Ref("report", row.key), Ref("alert", alert.key), "opened")], now=moment)
    return alert


def _see_again(session: Session, alert: Alert, row: MonitorReport, says: str, moment: datetime) -> None:
    alert.seen += 1
    alert.last_seen_at, alert.says = moment, says
    if alert.state is AlertState.ACKNOWLEDGED and (alert.acknowledged_until or moment) <= moment:
        alert.state = AlertState.OPEN
    session.add(alert)
    session.flush()
    link(session, [(Ref("report", row.key), Ref("alert", alert.key), "seen_again")], now=moment)


def _says(signal: "SignalValue", production: Production, says_window: str) -> str:
    side = "under" if str(signal.direction) == "higher" else "over"
    limit = f"{signal.limit:.3f}" if signal.limit is not None else "its limit"
    return f"{signal.name} {signal.value:.3f} is {side} {limit} in {says_window} (version {production.version})"


__all__ = ["Outcome", "follow"]
