"""The audit log: is the chain whole?"""

from dataclasses import dataclass

from app.store.audit import Chain
from app.store.engine import Store
from app.store.queries.audit import EventRow, events

BATCH = 2_000


@dataclass(frozen=True)
class Verdict:
    """Whether every event follows the one before it and is what was written."""

    ok: bool
    events: int
    problems: tuple[str, ...]


def verify(store: Store, *, batch: int = BATCH) -> Verdict:
    """Recompute the hash of every event, a batch at a time; what is appended meanwhile is checked too.

    A chain cannot show that its newest events were cut off; compare `events` with a backup for that.
    """
    chain = Chain()
    problems: list[str] = []
    last = 0
    while True:
        rows = store.reader.rows(
            "SELECT * FROM audit_event WHERE seq > :last ORDER BY seq LIMIT :batch", {"last": last, "batch": batch}
        )
        for row in rows:
            problems += chain.problems_of(row)
            last = int(row["seq"])
        if len(rows) < batch:
            return Verdict(not problems, chain.events, tuple(problems))


__all__ = ["EventRow", "Verdict", "events", "verify"]
