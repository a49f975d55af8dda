"""`trainmaster models alias`, `aliases`, `stage`, `served-at`, `history`: names, stages, what stood where when."""

from typing import Annotated

import typer

from app.cli.render import emit, fields, short_time, table
from app.cli.session import Json, Limit, ModelName, WorkspaceDir, moment_of, opened, reading
from app.domain.errors import NotFound
from app.domain.states import Stage

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the ledger.")]
AliasName = Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")]


def alias(
    model: ModelName,
    name: AliasName,
    version: Annotated[int | None, typer.Argument(min=1, help="The version; without one, the alias goes.")] = None,
    reason: Reason = "",
    protect: Annotated[bool, typer.Option("--protect", help="From now on promotions move it, nothing else.")] = False,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Point a name at a version, or take it away; `champion` and `previous` are moved by promotions alone."""
    from app.services import registry
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = registry.point(store, model, name, version, by=actor(), reason=reason, protect=protect)
    emit(done, as_json=json, human=lambda: print(done.says))


def aliases(model: ModelName, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """The names of a model's versions."""
    from app.store.queries.aliases import aliases_of

    with reading(workspace) as (_, reader):
        rows = aliases_of(reader, model)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["alias", "version", "protected", "since"],
            [(row.alias, f"v{row.version}", row.protected, short_time(row.changed_at)) for row in rows],
            empty="no alias yet: a promotion makes champion",
        ),
    )


def stage(
    model: ModelName,
    version: Annotated[int, typer.Argument(min=1, help="The version.")],
    to: Annotated[
        Stage, typer.Argument(help="none, staging or archived; production takes a promotion.")
    ] = Stage.STAGING,
    reason: Reason = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Move a version to another stage; production is reached and left by promotion and rollback alone."""
    from app.services import registry
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = registry.stage(store, model, version, to, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: print(done.says))


def served_at(
    model: ModelName,
    at: Annotated[str, typer.Argument(help='A moment: "2013-05-03 14:00" (UTC), or with a zone.')],
    name: Annotated[str, typer.Option("--alias", help="Another alias than production's.")] = "champion",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """What was in production at a moment."""
    from app.store.queries.aliases import served_at

    moment = moment_of(at, "AT")
    with reading(workspace) as (_, reader):
        row = served_at(reader, model, moment, name)
    if row is None or row.version is None:
        raise NotFound(
            f"nothing was {'in production' if name == 'champion' else name} of {model} at {moment:%Y-%m-%d %H:%M} UTC",
            next_step=f"trainmaster models history {model}",
        )
    emit(row, as_json=json, human=lambda: fields(vars(row)))


def history(
    model: ModelName,
    at: Annotated[str | None, typer.Option("--at", help="Only what had happened by this moment (UTC).")] = None,
    name: Annotated[str | None, typer.Option("--alias", help="Only this alias; champion is production.")] = None,
    workspace: WorkspaceDir = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """The ledger of aliases, newest first: who moved what, when and why; it only grows."""
    from app.store.queries.aliases import moves_of

    until = moment_of(at, "--at") if at else None
    with reading(workspace) as (_, reader):
        rows = moves_of(reader, model, alias=name, until=until, limit=limit)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["when", "alias", "from", "to", "by", "reason"],
            [
                (
                    short_time(row.created_at),
                    row.alias,
                    f"v{row.before}" if row.before is not None else "–",
                    f"v{row.after}" if row.after is not None else "–",
                    row.actor,
                    row.reason,
                )
                for row in rows
            ],
            empty="nothing was promoted yet",
        ),
    )
