"""Data-change requests: one role asks, another's queue holds the ticket until it is taken, resolved or declined."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref, new_key
from app.domain.roles import Role
from app.domain.states import TicketState
from app.domain.text import visible
from app.services.data.reading import declared_source
from app.services.running import register_project
from app.services.workspaces import OpenProject, now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Ticket

LIST = "trainmaster data tickets ls --all"


@dataclass(frozen=True)
class TicketMoved:
    """A ticket after what was done to it."""

    key: str
    title: str
    state: TicketState
    for_role: Role

    @property
    def says(self) -> str:
        """One line for people."""
        return f"ticket {self.key} ({visible(self.title, longest=80)}) is {self.state} in the queue of {self.for_role}"


def open_ticket(
    store: Store,
    project: OpenProject,
    title: str,
    *,
    by: str,
    wish: str = "",
    source: str | None = None,
    from_role: Role = Role.DATA_SCIENTIST,
    for_role: Role = Role.DATA_ENGINEER,
) -> TicketMoved:
    """Ask another role for a change of data; it waits in that role's queue.

    Raises Refused for a request without words, Usage for an unknown source.
    """
    if not title.strip():
        raise Refused("a ticket needs a title", next_step='trainmaster data tickets open "what is to change"')
    if source is not None:
        declared_source(project, source)
    project_id = register_project(store, project)
    with store.write() as session:
        ticket = Ticket(
            key=new_key(), project_id=project_id, source=source or "", title=title.strip()[:500], wish=wish,
            from_role=from_role, for_role=for_role, opened_by=by, opened_at=now(),
        )  # fmt: skip
        session.add(ticket)
        _record(session, ticket, "data.ticket_opened", by, wish)
        return _moved(ticket)


def take_ticket(store: Store, key: str, *, by: str) -> TicketMoved:
    """Take a ticket out of the queue, to work on it; raises NotFound, or Refused when it was taken or closed."""
    with store.write() as session:
        ticket = _found(session, key)
        if ticket.state is not TicketState.OPEN:
            raise Refused(f"ticket {ticket.key} is {ticket.state} already", next_step=LIST)
        ticket.state, ticket.taken_by, ticket.taken_at = TicketState.TAKEN, by, now()
        _record(session, ticket, "data.ticket_taken", by, "")
        return _moved(ticket)


def resolve_ticket(store: Store, key: str, *, by: str, answer: str, declined: bool = False) -> TicketMoved:
    """Close a ticket with an answer; raises NotFound, or Refused without an answer or when it is closed."""
    if not answer.strip():
        raise Refused("a ticket is closed with an answer", next_step=f'trainmaster data tickets resolve {key} "..."')
    with store.write() as session:
        ticket = _found(session, key)
        if ticket.state in (TicketState.RESOLVED, TicketState.DECLINED):
            raise Refused(f"ticket {ticket.key} is {ticket.state} already", next_step=LIST)
        ticket.state = TicketState.DECLINED if declined else TicketState.RESOLVED
        ticket.closed_by, ticket.closed_at, ticket.answer = by, now(), answer.strip()
        _record(session, ticket, "data.ticket_declined" if declined else "data.ticket_resolved", by, ticket.answer)
        return _moved(ticket)


def _found(session: Session, key: str) -> Ticket:
    query = select(Ticket).where(col(Ticket.key) >= key, col(Ticket.key) < key + "~").limit(2)
    found: list[Ticket] = list(session.execute(query).scalars())
    if len(found) != 1 or not key:
        what = f"more than one ticket begins with {visible(key)!r}" if found else f"there is no ticket {visible(key)!r}"
        raise NotFound(what, next_step=LIST)
    return found[0]


def _moved(ticket: Ticket) -> TicketMoved:
    return TicketMoved(ticket.key, ticket.title, ticket.state, ticket.for_role)


def _record(session: Session, ticket: Ticket, action: str, by: str, reason: str) -> None:
    details = {"title": ticket.title, "from": str(ticket.from_role), "for": str(ticket.for_role)}
    subject = str(Ref("ticket", ticket.key))
    audit.record(session, actor=by, action=action, subject=subject, now=now(), reason=reason, details=details)
