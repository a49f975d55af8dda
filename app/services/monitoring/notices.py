"""Who is to be told of an alert: rows first, one a hook and group, so that nothing is lost and a storm is one line."""

import json
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.ids import new_key
from app.domain.project import Alerts
from app.domain.states import NoticeState, Severity
from app.store.tables import Alert, Notice

MOST_ALERTS = 200


def queue(session: Session, alert: Alert, event: str, rules: Alerts, moment: datetime) -> int:
    """Write what the hooks are to tell of an alert, in the transaction of `session`; gives how many rows were made.

    A muted alert, or one that is not bad enough for a hook, is told to nobody. While a notice of the same hook and
    group waits, the alert is added to it; after one was sent the next waits `tell_again_minutes`.
    """
    if rules.is_muted(alert.signal) or (alert.muted_until is not None and alert.muted_until > moment):
        return 0
    made = 0
    for name, hook in rules.hooks.items():
        if event not in hook.on or (hook.least is Severity.CRITICAL and alert.severity is not Severity.CRITICAL):
            continue
        mine = (
            col(Notice.hook) == name,
            col(Notice.event) == event,
            col(Notice.grouped) == alert.grouped,
            col(Notice.project_id) == alert.project_id
            if alert.project_id is not None
            else col(Notice.project_id).is_(None),
        )
        waiting = (
            session.execute(select(Notice).where(*mine, col(Notice.state) == NoticeState.WAITING)).scalars().first()
        )
        if waiting is not None:
            keys = json.loads(waiting.alerts)
            if alert.key not in keys and len(keys) < MOST_ALERTS:
                waiting.alerts = json.dumps([*keys, alert.key])
                session.add(waiting)
                session.flush()
            continue
        sent = select(func.max(col(Notice.sent_at))).where(*mine, col(Notice.sent_at) <= moment)
        last = session.execute(sent).scalar_one_or_none()
        pause = timedelta(minutes=rules.tell_again_minutes)
        session.add(
            Notice(
                key=new_key(),
                project_id=alert.project_id,
                hook=name,
                event=event,
                grouped=alert.grouped,
                alerts=json.dumps([alert.key]),
                next_at=max(moment, last + pause) if last is not None else moment,
                created_at=moment,
            )
        )
        session.flush()
        made += 1
    return made


__all__ = ["queue"]
