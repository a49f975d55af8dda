"""The audit log: append an event, verify the chain."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.project import canonical_json
from app.store import permits
from app.store.moments import utc_text
from app.store.tables import AuditEvent

GENESIS = "0" * 64
COVERED = ("at", "actor", "action", "subject", "reason", "details", "previous_hash")


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
    """Append one event in the transaction of `session`; its hash covers the event before it.

    Raises Refused, and the transaction leaves nothing, when the actor's role does not allow the action.
    """
    permits.require(session, actor, action)
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


class Chain:
    """Checks events one after the other, in order, without keeping them."""

    def __init__(self) -> None:
        self.events = 0
        self._previous = GENESIS
        self._expected = 1

    def problems_of(self, event: Mapping[str, Any]) -> list[str]:
        """What is wrong with the next event, given as its columns with the time as text."""
        problems: list[str] = []
        seq = int(event["seq"])
        if seq != self._expected:
            missing = f"{self._expected}" if seq == self._expected + 1 else f"{self._expected} to {seq - 1}"
            problems.append(f"audit event {missing} is missing")
        elif event["previous_hash"] != self._previous:
            problems.append(f"audit event {seq} does not follow the one before it")
        computed = event_hash(seq, *(str(event[name]) for name in COVERED))
        if computed != event["hash"]:
            problems.append(f"audit event {seq} was changed after it was written")
        self.events += 1
        self._previous, self._expected = str(event["hash"]), seq + 1
        return problems


def broken_links(events: Iterable[AuditEvent]) -> list[str]:
    """What is wrong with the chain, in order; nothing when it is whole."""
    chain = Chain()
    return [
        problem for event in events for problem in chain.problems_of({**event.model_dump(), "at": utc_text(event.at)})
    ]


def count(session: Session) -> int:
    """How many events there are."""
    return int(session.execute(select(func.count()).select_from(AuditEvent)).scalar_one())
