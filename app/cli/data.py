"""`trainmaster data`: sources, snapshots, ingest, quarantine."""

from typing import Annotated

import typer

from app.cli import contract, profiles, quarantine, tickets
from app.cli.render import emit, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading

commands = group("Sources, snapshots and quarantine.")


@commands.command("ls")
def list_sources(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """List the sources that the projects declare: rows, freshness and watermark."""
    from app.services.data import source_states

    with reading(workspace) as (place, reader):
        rows = source_states(reader, place, project=project)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["project", "source", "kind", "snapshots", "rows", "quarantined", "watermark", "taken", "age", "contract"],
            [
                (
                    row.project,
                    row.source,
                    row.kind,
                    row.snapshots,
                    row.rows,
                    row.quarantined,
                    row.watermark or "",
                    short_time(row.refreshed_at) if row.refreshed_at else "never",
                    row.age,
                    row.freshness,
                )
                for row in rows
            ],
            empty="no project declares a source yet; begin with: trainmaster init NAME --from FILE",
        ),
    )


@commands.command("snapshots")
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
            ["snapshot", "source", "rows", "quarantined", "from", "to", "taken", ""],
            [
                (
                    row.key,
                    row.source,
                    row.rows,
                    row.quarantined,
                    (row.time_from or "")[:10],
                    (row.time_to or "")[:10],
                    short_time(row.created_at),
                    "" if row.stands else "replaced",
                )
                for row in rows
            ],  # fmt: skip
            empty="no snapshot yet; take one: trainmaster data ingest",
        ),
    )


@commands.command("test")
def probe(
    source: Annotated[str, typer.Argument(help="The source.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    rows: Annotated[int, typer.Option(min=1, max=100, help="How many rows to show.")] = 5,
    json: Json = False,
) -> None:
    """Check the connection of a source and show a few of its rows; nothing is taken in."""
    from app.services.data import try_source
    from app.services.workspaces import open_project

    with reading(workspace) as (place, _):
        tested = try_source(open_project(place, chosen_project(place, project)), source, rows=rows)
    emit(
        tested,
        as_json=json,
        human=lambda: table(
            list(tested.columns) or ["rows"],
            [tuple("" if row[name] is None else row[name] for name in tested.columns) for row in tested.rows],
            empty="no row",
        ),
    )
    if not json:
        say(tested.says)


@commands.command()
def secret(
    name: Annotated[str, typer.Argument(help="The NAME of ${NAME}.")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Set a secret that sources refer to as ${NAME}: typed unseen, or one line on stdin."""
    import getpass
    import sys

    from app.services.data import set_secret

    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    with opened(workspace) as (place, store):
        done = set_secret(store, place, name, value)
    emit(done, as_json=json, human=lambda: print(done.says))


@commands.command()
def receive(
    source: Annotated[str, typer.Argument(help="A source with a stream of stdin:, tcp:// or unix:.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds of a micro-batch.")] = 10.0,
    json: Json = False,
) -> None:
    """Keep a stream's lines until it ends, and take them in batch by batch."""
    from app.cli.waiting import run_flow
    from app.services.data import receive as received
    from app.services.workspaces import open_project

    total = 0
    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        for count in received(open_project(place, name), source, seconds=every):
            total += count
            row = run_flow(place, store, name, "ingest", {"source": source}, quiet=True)
            say(f"{count:,} lines: run {row.key} {row.state}")
    emit({"source": source, "lines": total}, as_json=json, human=lambda: print(f"{total:,} lines were received"))


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
