"""Pages of the audit log."""

from dataclasses import dataclass
from typing import Any

from app.store.queries.rows import made, where
from app.store.reader import Reader


@dataclass(frozen=True)
class EventRow:
    """Who did what to which thing, and why; `details` is JSON."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    reason: str
    details: str
    previous_hash: str
    hash: str


def events(
    reader: Reader,
    *,
    before_seq: int | None = None,
    subject: str | None = None,
    action: str | None = None,
    actor: str | None = None,
    limit: int = 100,
) -> list[EventRow]:
    """A page of events, newest first; `before_seq` continues after a page, `action` may end with `*`."""
    conditions: list[str] = []
    bound: dict[str, Any] = {"limit": limit}
    if before_seq is not None:
        conditions.append("e.seq < :before_seq")
        bound["before_seq"] = before_seq
    for name, value in (("subject", subject), ("actor", actor)):
        if value is not None:
            conditions.append(f"e.{name} = :{name}")
            bound[name] = value
    if action is not None and action.endswith("*"):
        conditions.append("e.action >= :action AND e.action < :action_end")
        bound |= {"action": action[:-1], "action_end": action[:-1] + "~"}
    elif action is not None:
        conditions.append("e.action = :action")
        bound["action"] = action
    sql = f"""SELECT e.seq, e.at, e.actor, e.action, e.subject, e.reason, e.details, e.previous_hash, e.hash
        FROM audit_event e {where(conditions)} ORDER BY e.seq DESC LIMIT :limit"""  # noqa: S608
    return made(EventRow, reader.rows(sql, bound))


def count_of_events(reader: Reader) -> int:
    """How many events there are."""
    return int(reader.value("SELECT count(*) AS n FROM audit_event") or 0)
