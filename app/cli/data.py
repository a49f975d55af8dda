"""`trainmaster data`: snapshots, ingest, quarantine."""

from typing import Annotated

import typer

from app.cli import contract, profiles, quarantine, tickets
from app.cli.render import emit, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading

commands = group("Sources, snapshots and quarantine.")


@commands.command("ls")
def list_snapshots(
    workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 50, json: Json = False
) -> None:
    """List snapshots, newest first."""
    from app.store.queries import data

    with reading(workspace) as (_, reader):
        rows = data.snapshots(reader, project=project, limit=limit)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["snapshot", "source", "rows", "quarantined", "from", "to", "taken"],
            [
                (
                    row.key,
                    row.source,
                    row.rows,
                    row.quarantined,
                    (row.time_from or "")[:10],
                    (row.time_to or "")[:10],
                    short_time(row.created_at),
                )
                for row in rows
            ],  # fmt: skip
            empty="no snapshot yet; take one: trainmaster data ingest",
        ),
    )


@commands.command()
def ingest(
    source: Annotated[str | None, typer.Argument(help="The source; default: all of them.")] = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Take in new files of the sources; the same bytes are never taken twice."""
    from app.cli.waiting import run_flow
    from app.store.queries import runs

    with opened(workspace) as (place, store):
        parameters: dict[str, object] = {"source": source} if source else {}
        row = run_flow(place, store, chosen_project(place, project), "ingest", parameters, quiet=json)
        tasks = runs.tasks_of(store.reader, row.key)
    emit(
        {"run": row.key, "state": row.state, "tasks": tasks},
        as_json=json,
        human=lambda: table(["task", "result"], [(task.name, task.says) for task in tasks], empty="nothing to do"),
    )


commands.command("contract")(contract.contract)
commands.command("agree")(contract.agree)
commands.command("profile")(profiles.profile)
commands.command("compare")(profiles.compare)
commands.command("import")(profiles.import_file)
commands.add_typer(quarantine.commands, name="quarantine")
commands.add_typer(tickets.commands, name="tickets")
