"""`trainmaster models promote`, `rollback` and `undo`: what moves production."""

from typing import Annotated

import typer

from app.cli.render import emit, say
from app.cli.session import Json, ModelName, WorkspaceDir, opened
from app.domain.errors import Usage

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the audit log.")]
Confirm = Annotated[str, typer.Option("--confirm", help="The model's name again, so that it is meant.")]


def promote(
    model: ModelName,
    version: Annotated[int, typer.Argument(min=1, help="The version.")],
    reason: Reason = "",
    confirm: Confirm = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Put a version into production: gates, package and canary are checked, then one switch, or everything stays."""
    from app.cli.version_document import document
    from app.cli.waiting import finished, follow
    from app.services import infrastructure, registry, runs
    from app.services.workspaces import actor, open_project
    from app.store.queries import registry as queries

    with opened(workspace) as (place, store):
        project = queries.version_of(store.reader, model, version).project
        plan = registry.plan_promotion(store, project, model, version)
        if not json:
            gates = (f"gate {gate.gate}: {gate.says}{_waived(gate.waived)}" for gate in plan.gates)
            for line in (*plan.changes, *gates, *plan.notes):
                say(line)
        _require(model, confirm, reason, f"trainmaster models promote {model} {version}")
        if infrastructure.is_up(store):
            wanted = registry.promote(store, project, model, version, by=actor(), reason=reason, typed_name=confirm)
            runs.submit_waiting(store, place, only=wanted.run)
            follow(store, wanted.run)
            finished(store, wanted.run)
        else:
            registry.promote_here(
                store, open_project(place, project), model, version, by=actor(), reason=reason, typed_name=confirm
            )
        row = queries.version_of(store.reader, model, version)
    emit(document(row), as_json=json, human=lambda: print(f"{model} v{version} is in {row.stage}"))
    if not json:
        say(f"  undo: trainmaster models rollback {model} --reason ... --confirm {model}")


def rollback(
    model: ModelName, reason: Reason = "", confirm: Confirm = "", workspace: WorkspaceDir = None, json: Json = False
) -> None:
    """Put the version before back into production, proven on its stored answers first."""
    _return(model, reason, confirm, workspace, json, undo=False)


def undo(
    model: ModelName, reason: Reason = "undo", confirm: Confirm = "", workspace: WorkspaceDir = None, json: Json = False
) -> None:
    """Take the last change of production back, a promotion or a rollback; a second time does it again."""
    _return(model, reason, confirm, workspace, json, undo=True)


def _return(model: str, reason: str, confirm: str, workspace: WorkspaceDir, json: bool, *, undo: bool) -> None:
    from app.cli.version_document import document
    from app.services import registry
    from app.services.workspaces import actor
    from app.store.queries import registry as queries

    with opened(workspace) as (place, store):
        _require(model, confirm, reason, f"trainmaster models {'undo' if undo else 'rollback'} {model}")
        project = next((one.project for one in queries.models(store.reader) if one.name == model), model)
        act = registry.undo if undo else registry.rollback
        switched = act(store, project, by=actor(), reason=reason)
        served = registry.confirm(store, place, project, switched.version)
        row = queries.production_of(store.reader, project)
    assert row is not None
    emit(
        document(row)
        | {"replaced": switched.replaced, "seconds": switched.seconds, "proof": switched.proof, "gateway": served},
        as_json=json,
        human=lambda: print(f"{model} v{row.version} is in production again"),
    )
    if not json:
        say(f"  it replaced v{switched.replaced}, in {switched.seconds:.2f} s; {switched.proof}")
        say(f"  the gateway: {served.says}")


def _waived(waived: str) -> str:
    return f" (waived by {waived})" if waived else ""


def _require(model: str, confirm: str, reason: str, command: str) -> None:
    if not reason.strip():
        raise Usage("a reason is needed", next_step=f'{command} --reason "..." --confirm {model}')
    if confirm != model:
        raise Usage(
            "the model's name confirms that it is meant", next_step=f'{command} --reason "..." --confirm {model}'
        )
