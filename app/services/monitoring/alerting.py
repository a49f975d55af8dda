"""The life of an alert: opened, seen again, quiet, resolved; each in the transaction of its evidence."""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.project import Alerts
from app.domain.states import AlertState, Severity
from app.services.feedback.items import lapse, open_items
from app.services.monitoring import notices
from app.store.lineage import link
from app.store.tables import Alert

MOST_SAYS = 1000


@dataclass(frozen=True)
class Breach:
    """A signal past its limit, with everything that its alert will point to; ids are rows of the store."""

    signal: str
    kind: str
    severity: Severity
    says: str
    value: float | None = None
    limit: float | None = None
    feature: str | None = None
    slice: str | None = None
    source: str | None = None
    rows: int | None = None
    window: tuple[datetime | None, datetime | None] = (None, None)
    version_id: int | None = None
    report_id: int | None = None
    run_id: int | None = None
    next_step: str = ""


def unresolved(session: Session, project_id: int | None, *, reported: bool) -> dict[str, Alert]:
    """The alerts of a project (or of the whole workspace) that are not resolved, by signal.

    `reported` ones came from a monitor's report, the others from the health of machine, runs and services.
    """
    mine = col(Alert.project_id) == project_id if project_id is not None else col(Alert.project_id).is_(None)
    kept = col(Alert.report_id).is_not(None) if reported else col(Alert.report_id).is_(None)
    found = session.execute(select(Alert).where(mine, kept, col(Alert.state) != AlertState.RESOLVED)).scalars()
    return {alert.signal: alert for alert in found}


def open_alert(
    session: Session,
    project_id: int | None,
    breach: Breach,
    rules: Alerts,
    moment: datetime,
    *,
    evidence: Ref | None = None,
) -> Alert:
    """Write a new alert with its owner, group and links, and the notices that tell of it."""
    severity = rules.severity_of(breach.signal, breach.severity)
    alert = Alert(
        key=new_key(),
        project_id=project_id,
        version_id=breach.version_id,
        report_id=breach.report_id,
        run_id=breach.run_id,
        signal=breach.signal[:300],
        kind=breach.kind,
        feature=breach.feature,
        slice=breach.slice,
        source=breach.source,
        severity=severity,
        says=breach.says[:MOST_SAYS],
        next_step=breach.next_step[:MOST_SAYS],
        value=_finite(breach.value),
        limit_value=_finite(breach.limit),
        rows=breach.rows,
        window_from=breach.window[0],
        window_to=breach.window[1],
        grouped=rules.group_of(breach.signal, breach.kind, severity)[:64],
        owner=rules.owner_of(breach.signal),
        opened_at=moment,
        last_seen_at=moment,
    )
    session.add(alert)
    session.flush()
    if evidence is not None:
        link(session, [(evidence, Ref("alert", alert.key), "opened")], now=moment)
    open_items(session, alert, moment)
    notices.queue(session, alert, "opened", rules, moment)
    return alert


def see_again(
    session: Session, alert: Alert, breach: Breach, rules: Alerts, moment: datetime, *, evidence: Ref | None = None
) -> None:
    """The signal is still past its limit: count it, and wake an acknowledgement or a worse severity."""
    alert.seen += 1
    alert.quiet = 0
    alert.last_seen_at, alert.says = moment, breach.says[:MOST_SAYS]
    alert.value, alert.limit_value, alert.rows = _finite(breach.value), _finite(breach.limit), breach.rows
    alert.window_to = breach.window[1]
    severity = rules.severity_of(breach.signal, breach.severity)
    worse = severity is Severity.CRITICAL and alert.severity is not Severity.CRITICAL
    alert.severity = severity
    if alert.state is AlertState.ACKNOWLEDGED and (alert.acknowledged_until or moment) <= moment:
        alert.state = AlertState.OPEN
        worse = True
    session.add(alert)
    session.flush()
    if evidence is not None:
        link(session, [(evidence, Ref("alert", alert.key), "seen_again")], now=moment)
    if worse:
        notices.queue(session, alert, "opened", rules, moment)


def see_quiet(session: Session, alert: Alert, rules: Alerts, moment: datetime, *, counts: bool = True) -> bool:
    """The signal is within its limit: resolve the alert when it has been so often enough; gives whether it was."""
    needed = rules.resolve_after_of(alert.signal)
    alert.quiet += 1 if counts or needed == 1 else 0
    session.add(alert)
    if alert.quiet < needed:
        session.flush()
        return False
    end(session, alert, rules, moment)
    return True


def end(
    session: Session, alert: Alert, rules: Alerts, moment: datetime, *, by: str | None = None, reason: str = ""
) -> None:
    """Resolve an alert, by itself or by a person."""
    alert.state, alert.resolved_at = AlertState.RESOLVED, moment
    alert.resolved_by, alert.resolved_reason = by, reason
    session.add(alert)
    session.flush()
    lapse(session, alert, moment)
    notices.queue(session, alert, "resolved", rules, moment)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


__all__ = ["Breach", "end", "open_alert", "see_again", "see_quiet", "unresolved"]
