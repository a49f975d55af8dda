"""`trainmaster data tickets`: requests for a change of data, from one role to another's queue."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, opened, reading
from app.domain.roles import Role

if TYPE_CHECKING:
    from app.services.data import TicketMoved
    from app.store.queries.tickets import TicketRow

commands = typer.Typer(
    help="Requests for a change of data, from one role to another's queue.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Key = Annotated[str, typer.Argument(help="The ticket, or the beginning of its key.")]


@commands.callback(invoke_without_command=True)
def queue(
    context: typer.Context, workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False
) -> None:
    """List the tickets that wait or are worked on."""
    if context.invoked_subcommand is None:
        list_tickets(workspace, project, None, False, 50, json)


@commands.command("ls")
def list_tickets(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    role: Annotated[Role | None, typer.Option("--role", help="Only the queue of this role: R1 to R7.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Answered ones too.")] = False,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List the tickets that wait or are worked on, the oldest first."""
    from app.store.queries.tickets import tickets

    with reading(workspace) as (_, reader):
        rows = tickets(reader, project=project, role=role, closed=everything, limit=limit)
    emit(
        [_named(row) for row in rows],
        as_json=json,
        human=lambda: table(
            ["ticket", "state", "from", "for", "source", "title", "by", "opened", "answer"],
            [
                (r.key, r.state, r.from_role, r.for_role, r.source, r.title, r.taken_by or r.opened_by,
                 short_time(r.opened_at), r.answer)
                for r in rows
            ],
            empty='no ticket waits; open one: trainmaster data tickets open "what is to change"',
        ),
    )  # fmt: skip


@commands.command("open")
def open_one(
    title: Annotated[str, typer.Argument(help="What is to change, in one line.")],
    wish: Annotated[str, typer.Option("--wish", help="The request in full, and why.")] = "",
    source: Annotated[str | None, typer.Option("--source", help="The source that it is about.")] = None,
    from_role: Annotated[Role, typer.Option("--from", help="Who asks.")] = Role.DATA_SCIENTIST,
    for_role: Annotated[Role, typer.Option("--for", help="Whose queue it goes to.")] = Role.DATA_ENGINEER,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Ask for a change of data; the ticket waits in the data engineers' queue (R4) unless told otherwise."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        done = data.open_ticket(
            store, there, title, by=actor(), wish=wish, source=source, from_role=from_role, for_role=for_role
        )
    emit(_named(done), as_json=json, human=lambda: say(done.says))


@commands.command()
def take(ticket: Key, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Take a ticket out of the queue, to work on it."""
    from app.services import data
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = data.take_ticket(store, ticket, by=actor())
    emit(_named(done), as_json=json, human=lambda: say(done.says))


@commands.command()
def resolve(
    ticket: Key,
    answer: Annotated[str, typer.Argument(help="What was done, or why not.")],
    decline: Annotated[bool, typer.Option("--decline", help="It will not be done.")] = False,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Close a ticket with an answer."""
    from app.services import data
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = data.resolve_ticket(store, ticket, by=actor(), answer=answer, declined=decline)
    emit(_named(done), as_json=json, human=lambda: say(done.says))


def _named(ticket: "TicketRow | TicketMoved") -> dict[str, object]:
    """The ticket's key under the name that programs look for."""
    values = asdict(ticket)
    return {"ticket": values.pop("key"), **values}
