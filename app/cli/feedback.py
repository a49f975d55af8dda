"""`trainmaster feedback`: what alerts ask of whom, the decisions about retrains, and a retrain by hand."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.domain.states import Receiver

if TYPE_CHECKING:
    from app.services.feedback import ItemMoved
    from app.store.queries.feedback import ItemRow

commands = group("What alerts ask of whom, the decisions about retrains, and a retrain by hand.")

Key = Annotated[str, typer.Argument(help="The item, or the beginning of its key.")]
AsRole = Annotated[Role | None, typer.Option("--role", help="Who answers, R1 to R7; default: the receiver's own role.")]


@commands.command("ls")
def list_items(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    receiver: Annotated[Receiver | None, typer.Option("--for", help="Only this receiver's.")] = None,
    alert: Annotated[str | None, typer.Option("--alert", help="Only those of one alert.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List items: what one alert asks of experiment, data engineering and scheduler."""
    from app.store.queries.feedback import items

    with reading(workspace) as (_, reader):
        rows = items(
            reader,
            project=project,
            receiver=receiver,
            alert=alert,
            resolved=everything or alert is not None,
            limit=limit,
        )
    emit(
        [_named(row) for row in rows],
        as_json=json,
        human=lambda: table(
            ["item", "for", "state", "alert", "signal", "since", "by", "asks"],
            [
                (r.key, r.receiver, r.state, r.alert, r.signal, short_time(r.opened_at),
                 r.resolved_by or r.acknowledged_by, r.answer or r.says)
                for r in rows
            ],
            empty="nobody is asked for anything",
        ),
    )  # fmt: skip


@commands.command()
def show(item: Key, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Show one item: what it asks, of whom, its alert, and what was made because of it."""
    from app.store.queries.feedback import items
    from app.store.queries.lineage import graph_around

    with reading(workspace) as (_, reader):
        found = items(reader, key=item, resolved=True, limit=2)
        if len(found) != 1:
            what = "no item" if not found else "more than one item"
            raise NotFound(f"{what} begins with {item!r}", next_step="trainmaster feedback ls")
        row = found[0]
        graph = graph_around(reader, "feedback", row.key, depth=1)
    made = [edge.target for edge in graph.edges if edge.kind == "caused_by"]
    shown = {**_named(row), "caused": made}
    emit(shown, as_json=json, human=lambda: fields({**shown, "caused": ", ".join(made)}))


@commands.command()
def ack(item: Key, role: AsRole = None, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Take an item on."""
    from app.services import feedback
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = feedback.acknowledge_item(store, item, by=actor(), role=role)
    emit(_named(done), as_json=json, human=lambda: say(done.says))


@commands.command()
def resolve(
    item: Key,
    answer: Annotated[str, typer.Argument(help="What was done, or why nothing is.")],
    role: AsRole = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Answer an item."""
    from app.services import feedback
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = feedback.resolve_item(store, item, by=actor(), answer=answer, role=role)
    emit(_named(done), as_json=json, human=lambda: say(done.says))


@commands.command()
def decisions(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Only decisions to retrain.")] = False,
    limit: Limit = 30,
    json: Json = False,
) -> None:
    """List the decisions about retrains, "no" included: what asked, why, and what became of the challenger."""
    from app.store.queries.feedback import verdicts

    with reading(workspace) as (_, reader):
        rows = verdicts(reader, project=project, yes_only=yes, limit=limit)
    emit(
        [{"decision": row.key, **{k: v for k, v in asdict(row).items() if k != "key"}} for row in rows],
        as_json=json,
        human=lambda: table(
            ["decision", "at", "asked by", "retrain", "why", "run", "won", "outcome"],
            [
                (r.key, short_time(r.decided_at), r.alert or r.trigger, r.retrain, r.reason, r.run, r.won, r.outcome)
                for r in rows
            ],
            empty="nothing was decided yet",
        ),
    )


@commands.command()
def retrain(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why now.")] = "",
    because: Annotated[str | None, typer.Option("--because", help="The item that this answers.")] = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Retrain by hand, by the policy's rules of window and second fit; the services carry it out."""
    from app.services import feedback
    from app.services.workspaces import actor

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        done = feedback.ask_retrain(store, place, name, by=actor(), reason=reason, because=because)
    emit(done, as_json=json, human=lambda: say(done.says))


@commands.command()
def reset(
    reason: Annotated[str, typer.Option("--reason", "-r", help="What was found.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Let a loop go on that failed challengers have broken."""
    from app.services import feedback
    from app.services.workspaces import actor

    with opened(workspace) as (place, store):
        done = feedback.reset_loop(store, place, chosen_project(place, project), by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: say(done.says))


def _named(item: "ItemRow | ItemMoved") -> dict[str, object]:
    """The item's key under the name that programs look for."""
    values = asdict(item)
    return {"item": values.pop("key"), **values}
