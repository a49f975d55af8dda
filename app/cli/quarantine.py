"""`trainmaster data quarantine`: the rows that were turned away: look, repair, release, reject."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, opened, reading
from app.domain.errors import NotFound, Usage
from app.domain.states import QuarantineState
from app.domain.text import visible

if TYPE_CHECKING:
    from app.store.queries.data import QuarantineRow

commands = typer.Typer(
    help="The rows that broke their contract: look, repair, release, reject.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

OnlySource = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]
OnlyRule = Annotated[str | None, typer.Option("--rule", help="Only rows that broke this rule, one by one.")]
Ids = Annotated[list[int] | None, typer.Argument(help="The rows, by their number in `ls`.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show private values too; asks for --reason, is recorded.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit log.")]


@commands.callback(invoke_without_command=True)
def count(
    context: typer.Context,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    source: OnlySource = None,
    rule: OnlyRule = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Count the rows that were turned away, by rule and reason; with --rule, list them."""
    if context.invoked_subcommand is not None:
        return
    if rule is not None:
        list_rows(workspace, project, source, rule, None, limit, json=json)
        return
    from app.store.queries import data

    with reading(workspace) as (_, reader):
        counts = data.counts_by_rule(reader, project=project, source=source)
    emit(
        counts,
        as_json=json,
        human=lambda: table(
            ["source", "rule", "rows", "open", "reason"],
            [(one.source, one.rule, one.rows, one.open, one.example) for one in counts],
            empty="no row is in quarantine",
        ),
    )
    if counts and not json:
        say(f"{sum(one.rows for one in counts)} rows; see some: trainmaster data quarantine --rule {counts[0].rule}")


@commands.command("ls")
def list_rows(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    source: OnlySource = None,
    rule: OnlyRule = None,
    state: Annotated[QuarantineState | None, typer.Option("--state", help="Only rows in this state.")] = None,
    limit: Limit = 50,
    reveal: Reveal = False,
    reason: Why = "",
    json: Json = False,
) -> None:
    """List the rows that were turned away, one by one, with the rule and the reason; private values are hidden."""
    from app.store.queries import data

    with reading(workspace) as (_, reader):
        found = data.quarantined_rows(reader, project=project, source=source, rule=rule, state=state, limit=limit)
    if reveal and found:
        found = _revealed(workspace, project, [row.id for row in found], reason)
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["row", "state", "source", "file", "number", "reason", "content"],
            [(r.id, r.state, r.source, r.file, r.row_number, r.reason, r.content) for r in found],
            empty=f"no row broke {visible(rule)}" if rule else "no row is in quarantine",
        ),
    )


@commands.command()
def show(
    row: Annotated[int, typer.Argument(help="The row, by its number in `ls`.")],
    workspace: WorkspaceDir = None,
    reveal: Reveal = False,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Show one row: every value as it was delivered, what was repaired, and the rule that it broke.

    Values of columns whose privacy class is personal or protected are hidden, unless --reveal asks for them.
    """
    from app.store.queries import data

    with reading(workspace) as (_, reader):
        found = data.quarantined_rows(reader, after_id=row - 1, limit=1)
    if not found or found[0].id != row:
        raise NotFound(f"there is no row {row} in quarantine", next_step="trainmaster data quarantine ls")
    one = _revealed(workspace, found[0].project, [row], reason)[0] if reveal else found[0]
    content, repairs = json_module.loads(one.content), json_module.loads(one.repairs)

    def human() -> None:
        fields({"row": one.id, "state": one.state, "source": one.source, "snapshot": one.snapshot,
                "rule": one.rule, "reason": one.reason, "decided by": one.decided_by})  # fmt: skip
        print()
        table(
            ["column", "delivered", "repaired"],
            [(name, value, repairs.get(name, "") if name in repairs else "") for name, value in content.items()],
            empty="the row is empty",
        )

    emit({**one.__dict__, "content": content, "repairs": repairs}, as_json=json, human=human)


@commands.command()
def repair(
    row: Annotated[int, typer.Argument(help="The row, by its number in `ls`.")],
    values: Annotated[list[str], typer.Argument(help="COLUMN=VALUE; COLUMN= sets it to missing.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Set values of a row; it stays in quarantine until it is released."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    pairs: dict[str, str | None] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"{visible(text)!r} is not COLUMN=VALUE", next_step=f"trainmaster data quarantine show {row}")
        pairs[name] = value or None
    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        done = data.repair(store, there, row, pairs, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: say(done.says))


@commands.command()
def release(
    rows: Ids = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    source: OnlySource = None,
    rule: Annotated[str | None, typer.Option("--rule", help="All rows that wait because of this rule.")] = None,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Take rows that keep the contract now into a new snapshot, in their old places; all of them or none."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        ids = list(rows or []) if rule is None else data.open_rows_of_rule(store, there, rule, source=source)
        done = data.release(store, there, ids, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: say(done.says))


@commands.command()
def reject(
    rows: Ids = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    source: OnlySource = None,
    rule: Annotated[str | None, typer.Option("--rule", help="All rows that wait because of this rule.")] = None,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Decide that rows stay out for good; they are kept, and count as quarantined."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        ids = list(rows or []) if rule is None else data.open_rows_of_rule(store, there, rule, source=source)
        done = data.reject(store, there, ids, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: say(done.says))


def _revealed(workspace: Path | None, project: str | None, rows: list[int], reason: str) -> "list[QuarantineRow]":
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        return data.reveal(store, there, rows, by=actor(), reason=reason)
