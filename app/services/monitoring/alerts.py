"""What people do with alerts: acknowledge, mute, resolve, assign; each with a reason, each in the audit log."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.project import Alerts
from app.domain.states import AlertState
from app.services.monitoring import alerting
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Alert


@dataclass(frozen=True)
class AlertChanged:
    """What was done to an alert, in words."""

    alert: str
    state: str
    says: str


def acknowledge(store: Store, alert: str, *, by: str, reason: str, until: datetime) -> str:
    """Take an alert on: it starts no retrain until `until` (aware) but stays until its signal is back; gives its key.

    Errors: NotFound, Usage for no reason or a time that is not to come, Refused when it is resolved already.
    """
    moment = now()
    _require(reason, f"trainmaster alerts ack {alert} --reason REASON", until, moment)
    with store.write(durable=True) as session:
        row = _unresolved(session, alert)
        row.state, row.acknowledged_by = AlertState.ACKNOWLEDGED, by
        row.acknowledged_reason, row.acknowledged_until = reason, until
        session.add(row)
        _record(session, row, "alert.acknowledged", by, moment, reason, until=until.isoformat())
        return row.key


def mute(store: Store, alert: str, *, by: str, reason: str, until: datetime) -> AlertChanged:
    """Tell nobody of an alert until `until`; it stays open, is decided about, and stays in the list.

    Errors: NotFound, Usage for no reason or a time that is not to come, Refused when it is resolved already.
    """
    moment = now()
    _require(reason, f"trainmaster alerts mute {alert} --reason REASON", until, moment)
    with store.write(durable=True) as session:
        row = _unresolved(session, alert)
        row.muted_by, row.muted_until, row.muted_reason = by, until, reason
        session.add(row)
        _record(session, row, "alert.muted", by, moment, reason, until=until.isoformat())
        return AlertChanged(row.key, str(row.state), f"alert {row.key} tells nobody until {until:%Y-%m-%d %H:%M} UTC")


def resolve(store: Store, alert: str, *, by: str, reason: str) -> AlertChanged:
    """End an alert by hand; when its signal is still past its limit at the next look, a new one opens.

    Errors: NotFound, Usage for no reason, Refused when it is resolved already.
    """
    moment = now()
    _require(reason, f"trainmaster alerts resolve {alert} --reason REASON", None, moment)
    with store.write(durable=True) as session:
        row = _unresolved(session, alert)
        alerting.end(session, row, Alerts(), moment, by=by, reason=reason)
        _record(session, row, "alert.resolved", by, moment, reason)
        return AlertChanged(row.key, str(row.state), f"alert {row.key} is resolved; a new one opens if it comes back")


def assign(store: Store, alert: str, *, owner: str, by: str) -> AlertChanged:
    """Give an alert to somebody; an empty owner takes it from everybody.

    Errors: NotFound, Refused when it is resolved already, Usage for a name of more than 100 characters.
    """
    name = owner.strip()
    if len(name) > 100:
        raise Usage("an owner's name has at most 100 characters", next_step="trainmaster alerts assign KEY NAME")
    with store.write(durable=True) as session:
        row = _unresolved(session, alert)
        before, row.owner = row.owner, name or None
        session.add(row)
        _record(session, row, "alert.assigned", by, now(), "", owner=name, before=before or "")
        return AlertChanged(
            row.key, str(row.state), f"alert {row.key} belongs to {name}" if name else f"alert {row.key} has no owner"
        )


def find_alert(session: Session, key: str) -> Alert:
    """The alert with a key or an unambiguous beginning of one; raises NotFound."""
    found = session.execute(select(Alert).where(col(Alert.key).startswith(key)).limit(2)).scalars().all()
    if len(found) != 1:
        what = "no alert" if not found else "more than one alert"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster alerts ls")
    row: Alert = found[0]
    return row


def _unresolved(session: Session, key: str) -> Alert:
    row = find_alert(session, key)
    if row.state is AlertState.RESOLVED:
        raise Refused(f"alert {row.key} is resolved already", next_step="trainmaster alerts ls")
    return row


def _require(reason: str, command: str, until: datetime | None, moment: datetime) -> None:
    if not reason.strip():
        raise Usage("it needs a reason", next_step=command)
    if until is not None and until <= moment:
        raise Usage(f"{until:%Y-%m-%d %H:%M} is past", next_step="give a time that is to come")


def _record(session: Session, row: Alert, action: str, by: str, moment: datetime, reason: str, **more: str) -> None:
    details = {"signal": row.signal, **more}
    audit.record(
        session, actor=by, action=action, subject=f"alert:{row.key}", now=moment, reason=reason, details=details
    )


__all__ = ["AlertChanged", "acknowledge", "assign", "find_alert", "mute", "resolve"]
