"""A look becomes rows: signals with how long they have been so, points for the lines, and alerts; one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from app.domain.project import Alerts
from app.domain.states import AlertState
from app.services.monitoring import alerting
from app.services.monitoring.alerting import Breach
from app.services.monitoring.health.value import HealthValue
from app.store.tables import Alert, HealthPoint, HealthSignal, Project

POINT_EVERY = timedelta(seconds=55)
KEPT = timedelta(days=14)
AGAIN_EVERY = timedelta(minutes=5)


def record(
    session: Session,
    scope: str,
    values: Sequence[HealthValue],
    rules: Alerts,
    moment: datetime,
    *,
    whole: bool = True,
) -> tuple[str, ...]:
    """Write one look at a project (or, without a name, at the workspace); gives the keys of alerts that were opened.

    With `whole` the values are everything there is to say of the scope: signals that are not among them are gone, and
    their alerts end.
    """
    project_id = None
    if scope:
        project_id = session.execute(select(col(Project.id)).where(col(Project.name) == scope)).scalar_one_or_none()
        if project_id is None:
            return ()
    known = {
        row.name: row for row in session.execute(select(HealthSignal).where(col(HealthSignal.scope) == scope)).scalars()
    }
    standing = alerting.unresolved(session, project_id, reported=False)
    opened = []
    for value in values:
        row = _signal(session, scope, known.get(value.name), value, moment)
        _point(session, row, value, moment)
        alert = standing.get(value.name)
        if value.breached:
            rule = rules.rule_of(value.name)
            needed = rule.open_after if rule is not None and rule.open_after is not None else value.looks
            if alert is None and row.in_a_row >= needed:
                opened.append(alerting.open_alert(session, project_id, _breach(value), rules, moment).key)
            elif alert is not None and (
                alert.quiet
                or moment - alert.last_seen_at >= AGAIN_EVERY
                or (alert.state is AlertState.ACKNOWLEDGED and (alert.acknowledged_until or moment) <= moment)
            ):
                alerting.see_again(session, alert, _breach(value), rules, moment)
        elif alert is not None:
            alerting.see_quiet(session, alert, rules, moment)
    if whole:
        _forget(session, known, values, standing, rules, moment)
    return tuple(opened)


def prune(session: Session, moment: datetime) -> int:
    """Delete points of more than two weeks ago; gives how many."""
    done = session.connection().execute(delete(HealthPoint).where(col(HealthPoint.at) < moment - KEPT))
    return int(done.rowcount)


def _signal(
    session: Session, scope: str, row: HealthSignal | None, value: HealthValue, moment: datetime
) -> HealthSignal:
    if row is None:
        row = HealthSignal(
            scope=scope,
            name=value.name,
            kind=value.kind,
            breached=value.breached,
            severity=value.severity,
            since=moment,
            checked_at=moment,
        )
    elif row.breached == value.breached:
        row.in_a_row += 1
    else:
        row.breached, row.in_a_row, row.since = value.breached, 1, moment
    row.kind, row.severity, row.checked_at = value.kind, value.severity, moment
    row.value, row.limit_value, row.unit = value.value, value.limit, value.unit
    row.says, row.next_step = value.says, value.next_step
    session.add(row)
    session.flush()
    return row


def _point(session: Session, row: HealthSignal, value: HealthValue, moment: datetime) -> None:
    if value.value is None:
        return
    last = session.execute(
        select(func.max(col(HealthPoint.at))).where(col(HealthPoint.signal_id) == row.id)
    ).scalar_one_or_none()
    if last is None or not timedelta(0) <= moment - last < POINT_EVERY:
        if last == moment:
            return
        session.add(HealthPoint(signal_id=row.id or 0, at=moment, value=value.value))
        session.flush()


def _forget(
    session: Session,
    known: dict[str, HealthSignal],
    values: Sequence[HealthValue],
    standing: dict[str, Alert],
    rules: Alerts,
    moment: datetime,
) -> None:
    present = {value.name for value in values}
    for name, row in known.items():
        if name not in present and moment - row.checked_at > timedelta(minutes=2):
            session.connection().execute(delete(HealthPoint).where(col(HealthPoint.signal_id) == row.id))
            session.delete(row)
            if name in standing:
                alerting.end(session, standing[name], rules, moment, reason="it is watched no more")
    session.flush()


def _breach(value: HealthValue) -> Breach:
    return Breach(
        signal=value.name,
        kind=value.kind,
        severity=value.severity,
        says=value.says,
        value=value.value,
        limit=value.limit,
        source=value.source,
        version_id=value.version_id,
        run_id=value.run_id,
        next_step=value.next_step,
    )


__all__ = ["prune", "record"]
