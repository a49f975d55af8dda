"""Data-change tickets between roles, and the signatures under data requirements."""

from dataclasses import dataclass
from typing import Any

from app.store.queries.rows import made, where
from app.store.reader import Reader


@dataclass(frozen=True)
class TicketRow:
    """One request for a change of data; times are ISO 8601 text in UTC."""

    key: str
    project: str
    source: str
    title: str
    wish: str
    from_role: str
    for_role: str
    state: str
    opened_by: str
    opened_at: str
    taken_by: str | None
    taken_at: str | None
    closed_by: str | None
    closed_at: str | None
    answer: str


@dataclass(frozen=True)
class SignatureRow:
    """One role's signature under the requirement with a digest."""

    source: str
    digest: str
    role: str
    signed_by: str
    reason: str
    signed_at: str


def tickets(
    reader: Reader, *, project: str | None = None, role: str | None = None, closed: bool = False, limit: int = 100
) -> list[TicketRow]:
    """Tickets, the oldest that waits first; with `closed` those that were answered too; `role` is whose queue it is."""
    conditions, bound = [], dict[str, Any](limit=limit)
    if project is not None:
        conditions.append("p.name = :project")
        bound["project"] = project
    if role is not None:
        conditions.append("t.for_role = :role")
        bound["role"] = role
    if not closed:
        conditions.append("t.state IN ('open', 'taken')")
    sql = f"""SELECT t.key, p.name AS project, t.source, t.title, t.wish, t.from_role, t.for_role, t.state, t.opened_by,
        t.opened_at, t.taken_by, t.taken_at, t.closed_by, t.closed_at, t.answer
        FROM ticket t JOIN project p ON p.id = t.project_id {where(conditions)}
        ORDER BY CASE t.state WHEN 'open' THEN 0 WHEN 'taken' THEN 1 ELSE 2 END, t.id LIMIT :limit"""  # noqa: S608
    return made(TicketRow, reader.rows(sql, bound))


def signatures(reader: Reader, *, project: str, source: str) -> list[SignatureRow]:
    """All signatures under a source's requirement, the newest first."""
    sql = """SELECT a.source, a.digest, a.role, a.signed_by, a.reason, a.signed_at
        FROM agreement a JOIN project p ON p.id = a.project_id
        WHERE p.name = :project AND a.source = :source ORDER BY a.id DESC"""
    return made(SignatureRow, reader.rows(sql, {"project": project, "source": source}))
