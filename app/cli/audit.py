"""`trainmaster audit`: who did what, and is the chain whole."""

from typing import Annotated

import typer

from app.cli.render import emit, short_time, table
from app.cli.session import Json, Limit, WorkspaceDir, group, opened, reading
from app.domain.errors import Damaged

commands = group("Who did what: list, and verify the chain.")


@commands.command("ls")
def list_events(
    workspace: WorkspaceDir = None,
    subject: Annotated[str | None, typer.Option(help="Only events about this thing.")] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List events, newest first."""
    from app.store.queries import audit

    with reading(workspace) as (_, reader):
        rows = audit.events(reader, subject=subject, limit=limit)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["seq", "when", "actor", "action", "subject", "reason"],
            [(row.seq, short_time(row.at), row.actor, row.action, row.subject, row.reason) for row in rows],
            empty="nothing has happened yet",
        ),
    )


@commands.command()
def verify(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Recompute the hash chain."""
    from app.services import audit

    with opened(workspace) as (_, store):
        verdict = audit.verify(store)
    emit(verdict, as_json=json, human=lambda: print(f"{verdict.events} events, {'whole' if verdict.ok else 'broken'}"))
    if not verdict.ok:
        raise Damaged(verdict.problems[0], next_step="trainmaster store restore BACKUP")
