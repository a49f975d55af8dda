"""Items of feedback, and the decisions about retrains."""

from dataclasses import dataclass
from typing import Any

from app.store.queries.rows import as_flags, made, where
from app.store.reader import Reader


@dataclass(frozen=True)
class ItemRow:
    """What an alert asks of one receiver; times are ISO 8601 text in UTC."""

    key: str
    project: str
    alert: str
    signal: str
    severity: str
    receiver: str
    state: str
    says: str
    next_step: str
    opened_at: str
    acknowledged_by: str | None
    acknowledged_at: str | None
    resolved_by: str | None
    resolved_at: str | None
    answer: str


@dataclass(frozen=True)
class Verdict:
    """A decision about a retrain, whatever asked for it, and what became of its challenger."""

    key: str
    project: str
    trigger: str
    alert: str | None
    retrain: bool
    reason: str
    decided_at: str
    run: str | None
    won: bool | None
    outcome: str


def items(
    reader: Reader,
    *,
    project: str | None = None,
    receiver: str | None = None,
    alert: str | None = None,
    resolved: bool = False,
    key: str | None = None,
    limit: int = 100,
) -> list[ItemRow]:
    """Items, open ones first, then the newest; with `resolved` those that are done too."""
    conditions, bound = [], dict[str, Any](limit=limit)
    for name, value, sql in (
        ("project", project, "p.name = :project"),
        ("receiver", receiver, "i.receiver = :receiver"),
        ("alert", alert, "a.key LIKE :alert || '%'"),
        ("key", key, "i.key LIKE :key || '%'"),
    ):
        if value is not None:
            conditions.append(sql)
            bound[name] = value
    if not resolved:
        conditions.append("i.state <> 'resolved'")
    sql = f"""SELECT i.key, p.name AS project, a.key AS alert, a.signal, a.severity, i.receiver, i.state, i.says,
        i.next_step, i.opened_at, i.acknowledged_by, i.acknowledged_at, i.resolved_by, i.resolved_at, i.answer
        FROM feedback_item i JOIN alert a ON a.id = i.alert_id JOIN project p ON p.id = i.project_id
        {where(conditions)} ORDER BY CASE i.state WHEN 'open' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END,
        i.id DESC LIMIT :limit"""  # noqa: S608
    return made(ItemRow, reader.rows(sql, bound))


def verdicts(reader: Reader, *, project: str | None = None, yes_only: bool = False, limit: int = 100) -> list[Verdict]:
    """Decisions of every trigger, the newest first."""
    conditions, bound = [], dict[str, Any](limit=limit)
    if project is not None:
        conditions.append("p.name = :project")
        bound["project"] = project
    if yes_only:
        conditions.append("d.retrain")
    sql = f"""SELECT d.key, p.name AS project, d.trigger, a.key AS alert, d.retrain, d.reason, d.decided_at,
        r.key AS run, d.won, d.outcome FROM decision d JOIN project p ON p.id = d.project_id
        LEFT JOIN alert a ON a.id = d.alert_id LEFT JOIN run r ON r.id = d.run_id
        {where(conditions)} ORDER BY d.id DESC LIMIT :limit"""  # noqa: S608
    found = []
    for row in reader.rows(sql, bound):
        flags = as_flags(row, "retrain")
        found.append(Verdict(**{**flags, "won": None if flags["won"] is None else bool(flags["won"])}))
    return found


__all__ = ["ItemRow", "Verdict", "items", "verdicts"]
