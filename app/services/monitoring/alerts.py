"""Alerts as rows: listed, acknowledged, found."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.states import AlertState
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.reader import Reader
from app.store.tables import Alert


@dataclass(frozen=True)
class AlertLine:
    """An alert as a list shows it; times are UTC in ISO 8601."""

    key: str
    project: str
    signal: str
    severity: str
    state: str
    says: str
    seen: int
    model: str
    version: int
    report: str
    opened_at: str
    last_seen_at: str
    resolved_at: str | None
    acknowledged_by: str | None
    acknowledged_until: str | None
    decision: str | None
    retrain: bool | None
    reason: str | None
    run: str | None


ALERTS = """
SELECT a.key, p.name AS project, a.signal, a.severity, a.state, a.says, a.seen, m.name AS model, v.version,
       r.key AS report, a.opened_at, a.last_seen_at, a.resolved_at, a.acknowledged_by, a.acknowledged_until,
       d.key AS decision, d.retrain, d.reason, run.key AS run
FROM alert a
JOIN project p ON p.id = a.project_id
JOIN model_version v ON v.id = a.version_id
JOIN model m ON m.id = v.model_id
JOIN monitor_report r ON r.id = a.report_id
LEFT JOIN decision d ON d.id = (
    SELECT id FROM decision WHERE alert_id = a.id ORDER BY retrain DESC, id DESC LIMIT 1
)
LEFT JOIN run ON run.id = d.run_id
WHERE (:project IS NULL OR p.name = :project) AND (:unresolved = 0 OR a.state <> 'resolved')
ORDER BY a.state = 'resolved', a.severity, a.id DESC
LIMIT :limit
"""


def alerts(
    reader: Reader, *, project: str | None = None, unresolved_only: bool = False, limit: int = 200
) -> list[AlertLine]:
    """Alerts, those that need somebody first, each with its last decision (a yes before a no)."""
    rows = reader.rows(ALERTS, {"project": project, "unresolved": int(unresolved_only), "limit": limit})
    return [AlertLine(**{**row, "retrain": None if row["retrain"] is None else bool(row["retrain"])}) for row in rows]


def acknowledge(store: Store, alert: str, *, by: str, reason: str, until: datetime) -> None:
    """Take an alert on: it starts no retrain until `until` (aware), but it stays until its signal is back.

    Errors: NotFound, Usage for no reason or a time that is not to come, Refused when it is resolved already.
    """
    moment = now()
    if not reason.strip():
        raise Usage("an acknowledgement needs a reason", next_step=f"trainmaster alerts ack {alert} --reason REASON")
    if until <= moment:
        raise Usage(f"{until:%Y-%m-%d %H:%M} is past", next_step="give a time that is to come")
    with store.write(durable=True) as session:
        row = find_alert(session, alert)
        if row.state is AlertState.RESOLVED:
            raise Refused(f"alert {row.key} is resolved already", next_step="trainmaster alerts ls")
        row.state, row.acknowledged_by = AlertState.ACKNOWLEDGED, by
        row.acknowledged_reason, row.acknowledged_until = reason, until
        session.add(row)
        audit.record(
            session,
            actor=by,
            action="alert.acknowledged",
            subject=f"alert:{row.key}",
            now=moment,
            reason=reason,
            details={"signal": row.signal, "until": until.isoformat()},
        )


def find_alert(session: Session, key: str) -> Alert:
    """The alert with a key or an unambiguous beginning of one; raises NotFound."""
    found = session.execute(select(Alert).where(col(Alert.key).startswith(key)).limit(2)).scalars().all()
    if len(found) != 1:
        what = "no alert" if not found else "more than one alert"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster alerts ls")
    row: Alert = found[0]
    return row


__all__ = ["AlertLine", "acknowledge", "alerts", "find_alert"]
