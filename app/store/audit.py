"""The audit log: append an event, verify the chain."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.project import canonical_json
from app.store.columns import utc_text
from app.store.tables import AuditEvent

GENESIS = "0" * 64


def record(
    session: Session,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> AuditEvent:
    """Append one event in the transaction of `session`; its hash covers the event before it."""
    last = session.execute(
        select(col(AuditEvent.seq), col(AuditEvent.hash)).order_by(col(AuditEvent.seq).desc()).limit(1)
    ).first()
    seq, previous = (int(last[0]) + 1, str(last[1])) if last else (1, GENESIS)
    text = canonical_json(dict(details or {}))
    event = AuditEvent(
        seq=seq,
        at=now,
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        details=text,
        previous_hash=previous,
        hash=event_hash(seq, utc_text(now), actor, action, subject, reason, text, previous),
    )
    session.add(event)
    session.flush()
    return event


def event_hash(
    seq: int, at: str, actor: str, action: str, subject: str, reason: str, details: str, previous: str
) -> str:
    """SHA-256 over the canonical JSON of an event's fields and the hash before it."""
    fields = [seq, at, actor, action, subject, reason, details, previous]
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def broken_links(events: Iterable[AuditEvent]) -> list[str]:
    """What is wrong with the chain, in order; nothing when it is whole."""
    problems: list[str] = []
    previous, expected = GENESIS, 1
    for event in events:
        if event.seq != expected:
            problems.append(f"audit event {expected} is missing")
        if event.previous_hash != previous:
            problems.append(f"audit event {event.seq} does not follow the one before it")
        computed = event_hash(
            event.seq,
            utc_text(event.at),
            event.actor,
            event.action,
            event.subject,
            event.reason,
            event.details,
            event.previous_hash,
        )
        if computed != event.hash:
            problems.append(f"audit event {event.seq} was changed after it was written")
        previous, expected = event.hash, event.seq + 1
    return problems


def count(session: Session) -> int:
    """How many events there are."""
    return int(session.execute(select(func.count()).select_from(AuditEvent)).scalar_one())
