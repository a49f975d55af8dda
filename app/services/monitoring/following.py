"""What follows from a report: alerts opened, seen again or resolved, and a decision about each retrain."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.policy import RetrainState, Verdict, decide
from app.domain.states import AlertState, CauseKind, RunState, Severity
from app.services.predictions import Production
from app.services.running import RunContext
from app.services.workspaces import now
from app.store import audit
from app.store.lineage import link
from app.store.tables import Alert, Decision, FeatureSet, LineageEdge, MonitorReport, Run

if TYPE_CHECKING:
    from app.monitoring.report import Report, SignalValue

RETRAIN_FLOW = "train"
LOST_AFTER = timedelta(hours=24)


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
        decisions.append(_decide(session, run, alert, features, moment))
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


def _decide(
    session: Session, run: RunContext, alert: Alert, features: FeatureSet, moment: datetime
) -> tuple[str, bool, str]:
    feedback = run.project.file.feedback
    verdict = decide(
        alert.signal,
        feedback,
        retrain_state(session, run.project_id, features, moment),
        now=moment,
        acknowledged_until=alert.acknowledged_until if alert.state is AlertState.ACKNOWLEDGED else None,
    )
    last = (
        session.execute(select(Decision).where(col(Decision.alert_id) == alert.id).order_by(col(Decision.id).desc()))
        .scalars()
        .first()
    )
    if last is not None and not verdict.retrain and not last.retrain and last.reason == verdict.reason:
        return last.key, False, last.reason  # nothing has changed since
    return _write_decision(session, run, alert, verdict, moment)


def _write_decision(
    session: Session, run: RunContext, alert: Alert, verdict: Verdict, moment: datetime
) -> tuple[str, bool, str]:
    key = new_key()
    session.add(
        Decision(
            key=key,
            project_id=run.project_id,
            alert_id=alert.id or 0,
            retrain=verdict.retrain,
            reason=verdict.reason,
            decided_at=moment,
        )
    )
    session.flush()
    link(session, [(Ref("alert", alert.key), Ref("decision", key), "decided")], now=moment)
    if verdict.retrain:
        audit.record(
            session,
            actor=run.actor,
            action="retrain.decided",
            subject=f"decision:{key}",
            now=moment,
            reason=verdict.reason,
            details={"alert": alert.key, "signal": alert.signal},
        )
    return key, verdict.retrain, verdict.reason


def retrain_state(session: Session, project_id: int, features: FeatureSet, moment: datetime) -> RetrainState:
    """What is known now about a project's retrains.

    Under way are runs of the train flow, whoever asked, and decisions to retrain of the last 24 hours that no run has
    taken. The cool-down counts from the last run that an alert asked for.
    """
    runs = session.execute(
        select(col(Run.key)).where(
            col(Run.project_id) == project_id,
            col(Run.flow) == RETRAIN_FLOW,
            col(Run.state).in_((RunState.REQUESTED, RunState.RUNNING)),
        )
    ).scalars()
    decisions = session.execute(
        select(col(Decision.key)).where(
            col(Decision.project_id) == project_id,
            col(Decision.retrain),
            col(Decision.run_id).is_(None),
            col(Decision.decided_at) > moment - LOST_AFTER,
        )
    ).scalars()
    began = session.execute(
        select(func.max(col(Run.requested_at))).where(
            col(Run.project_id) == project_id, col(Run.flow) == RETRAIN_FLOW, col(Run.cause) == CauseKind.ALERT
        )
    ).scalar_one_or_none()
    return RetrainState(
        last_began=began,
        under_way=(*(f"run {key}" for key in runs), *(f"decision {key}" for key in decisions)),
        new_labels=max(0, features.rows - _rows_trained_on(session, project_id)),
    )


def _rows_trained_on(session: Session, project_id: int) -> int:
    """The rows of the features that the last completed training read; 0 when there was none."""
    used = session.execute(
        select(col(LineageEdge.from_key))
        .join(Run, col(Run.key) == col(LineageEdge.to_key))
        .where(
            col(LineageEdge.kind) == "trained_on",
            col(LineageEdge.from_kind) == "features",
            col(Run.project_id) == project_id,
            col(Run.state) == RunState.COMPLETED,
        )
        .order_by(col(Run.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    version = str(used).rpartition("/v")[2] if used else ""
    if not version.isdigit():
        return 0
    rows = session.execute(
        select(col(FeatureSet.rows)).where(
            col(FeatureSet.project_id) == project_id, col(FeatureSet.version) == int(version)
        )
    ).scalar_one_or_none()
    return int(rows or 0)


__all__ = ["Outcome", "follow", "retrain_state"]
