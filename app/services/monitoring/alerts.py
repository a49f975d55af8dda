"""Alerts: found and acknowledged."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.states import AlertState
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Alert


def acknowledge(store: Store, alert: str, *, by: str, reason: str, until: datetime) -> str:
    """Take an alert on: it starts no retrain until `until` (aware) but stays until its signal is back; gives its key.

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
        return row.key


def find_alert(session: Session, key: str) -> Alert:
    """The alert with a key or an unambiguous beginning of one; raises NotFound."""
    found = session.execute(select(Alert).where(col(Alert.key).startswith(key)).limit(2)).scalars().all()
    if len(found) != 1:
        what = "no alert" if not found else "more than one alert"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster alerts ls")
    row: Alert = found[0]
    return row


__all__ = ["acknowledge", "find_alert"]
