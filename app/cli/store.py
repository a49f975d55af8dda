"""`trainmaster store`: check, back up, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import Json, WorkspaceDir, current_workspace, group, opened
from app.domain.errors import Damaged, Usage

if TYPE_CHECKING:
    from app.services import upkeep

commands = group("Check, back up, restore, export the store; collect its garbage.")


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


@commands.command()
def export(
    target: Annotated[Path, typer.Argument(help="The folder to make.")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Write everything as Parquet, a file a table, with the bytes of all artifacts."""
    from app.services import upkeep

    with opened(workspace) as (_, store):
        made = upkeep.export(store, target)
    rows = sum(made.tables.values())
    says = f"{len(made.tables)} tables with {rows:,} rows, {made.artifacts} artifacts in {made.folder}"
    emit(made, as_json=json, human=lambda: print(says))


@commands.command()
def gc(
    workspace: WorkspaceDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would go, and why the rest stays.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every thing that is kept, not only the reasons.")] = False,
    json: Json = False,
) -> None:
    """Free what nothing needs any more: shows it, asks, and says why everything else is kept."""
    import sys

    from app.services import upkeep
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        found = upkeep.plan(store)
        if not json:
            _print_plan(found, everything=everything)
        freed = False
        if found.free and not dry_run:
            if not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise Usage("nobody is there to be asked", next_step="trainmaster store gc --yes")
            if yes or typer.confirm(f"Free {len(found.free)} things for good?", default=False, err=True):
                found = upkeep.collect(store, by=actor())
                freed = True
    document = {
        "freed": freed,
        "free": found.free,
        "kept": found.kept if everything else [
            {"kind": kind, "why": why, "things": count, "size_bytes": size}
            for (kind, why), (count, size) in found.reasons().items()
        ],
        "size_bytes": found.size_bytes,
        "rows": found.rows,
    }  # fmt: skip
    emit(document, as_json=json, human=lambda: print("freed" if freed else "nothing was changed"))


def _print_plan(found: "upkeep.Plan", *, everything: bool) -> None:
    rows = [(thing.kind, thing.key[:12], thing.size_bytes, thing.rows, thing.why) for thing in found.free]
    table(["would go", "name", "bytes", "rows", "because"], rows, empty="nothing would go")
    print()
    if everything:
        kept = [(thing.kind, thing.key[:24], thing.size_bytes, thing.why) for thing in found.kept]
        table(["kept", "name", "bytes", "because"], kept, empty="nothing is kept")
    else:
        reasons = [(kind, count, size, why) for (kind, why), (count, size) in found.reasons().items()]
        table(["kept", "things", "bytes", "because"], reasons, empty="nothing is kept")
    say(f"{len(found.free)} things, {found.size_bytes:,} bytes and {found.rows:,} rows would go")
