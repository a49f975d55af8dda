"""`trainmaster store`: check, back up, restore."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit, fields, table
from app.cli.session import Json, WorkspaceDir, current_workspace, group, opened
from app.domain.errors import Damaged

commands = group("Check, back up and restore the store.")


@commands.command()
def fsck(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Check integrity, digests, one production a model, leases and the audit chain."""
    from app.services import upkeep

    with opened(workspace) as (place, store):
        report = upkeep.fsck(store, place.features)
    emit(
        report,
        as_json=json,
        human=lambda: table(
            ["problem", "next"],
            [(problem.says, problem.next_step) for problem in report.problems],
            empty="the store is sound",
        ),
    )
    if not report.ok:
        raise Damaged(f"{len(report.problems)} problems", next_step=report.problems[0].next_step)


@commands.command()
def backup(
    target: Annotated[
        Path | None, typer.Argument(help="The file to write; default: a new one in .trainmaster/backups.")
    ] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Write a verified copy of the store while it is in use."""
    from app.services import upkeep

    with opened(workspace) as (place, store):
        made = upkeep.backup(store, target or upkeep.next_backup(place))
    emit(
        made,
        as_json=json,
        human=lambda: fields({"file": made.file, "size_bytes": made.size_bytes, "digest": made.digest}),
    )


@commands.command()
def restore(
    source: Annotated[Path, typer.Argument(help="The backup.")], workspace: WorkspaceDir = None, json: Json = False
) -> None:
    """Put a backup in the place of the store, which is kept aside; the services must be down."""
    from app.services import upkeep

    made = upkeep.restore(current_workspace(workspace), source)
    emit(made, as_json=json, human=lambda: fields({"restored": source, "kept_aside": made.kept_aside}))
