"""`trainmaster models gates`, `test`, `approve`, `waive` and `diff`: may it go up?"""

from typing import Annotated

import typer

from app.cli.render import emit, say, short_time, table
from app.cli.session import Json, Limit, ModelName, WorkspaceDir, moment_of, opened, reading
from app.domain.errors import Usage

Version = Annotated[int, typer.Argument(min=1, help="The version.")]


def gates(
    model: ModelName,
    version: Version,
    history: Annotated[bool, typer.Option("--history", help="Every verdict that was ever given.")] = False,
    gate: Annotated[str | None, typer.Option("--gate", help="Only this gate.")] = None,
    workspace: WorkspaceDir = None,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """The gates of a version: value, limit, interval, evidence, waiver; with --history all verdicts, newest first."""
    from app.store.queries import registry
    from app.store.queries.verdicts import approvals_of, verdicts_of, waivers_of

    with reading(workspace) as (_, reader):
        row = registry.version_of(reader, model, version)
        if history:
            given = verdicts_of(reader, row.id, gate=gate, limit=limit)
            emit(
                given,
                as_json=json,
                human=lambda: table(
                    ["when", "gate", "passed", "value", "limit", "low", "high", "against", "try", "by", "says"],
                    [
                        (
                            short_time(one.evaluated_at),
                            one.gate,
                            one.passed,
                            one.value,
                            one.limit_value,
                            one.low,
                            one.high,
                            one.against,
                            one.attempt,
                            one.actor,
                            one.says,
                        )
                        for one in given
                    ],  # fmt: skip
                    empty="no verdict was kept",
                ),
            )
            return
        last = [one for one in registry.gates_of(reader, row.id) if gate in (None, one.gate)]
        approvals, waivers = approvals_of(reader, row.id), waivers_of(reader, row.id)
    emit(
        {"model": model, "version": version, "gates": last, "approvals": approvals, "waivers": waivers},
        as_json=json,
        human=lambda: table(
            ["gate", "passed", "value", "limit", "low", "high", "evidence", "times", "waived", "says"],
            [
                (
                    one.gate,
                    one.passed,
                    one.value,
                    one.limit_value,
                    one.low,
                    one.high,
                    one.evidence[:24],
                    one.attempts,
                    one.waived,
                    one.says,
                )
                for one in last
            ],  # fmt: skip
            empty="no gate was judged",
        ),
    )


def judge(model: ModelName, version: Version, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Judge every gate again on the stored test rows, against the version in production now; exit 1 when one fails."""
    from app.services import registry
    from app.services.workspaces import actor, open_project
    from app.store.queries import registry as queries

    with opened(workspace) as (place, store):
        project = queries.version_of(store.reader, model, version).project
        done = registry.judge_again(store, open_project(place, project), model, version, by=actor())
    emit(
        done,
        as_json=json,
        human=lambda: table(
            ["gate", "holds", "value", "limit", "low", "high", "says"],
            [(one.gate, one.holds, one.value, one.limit, one.low, one.high, one.says) for one in done.gates],
            empty="no gate is declared",
        ),
    )
    if not json:
        say(done.says)
    if done.failing:
        raise typer.Exit(1)


def approve(
    model: ModelName,
    version: Version,
    reason: Annotated[str, typer.Option("--reason", "-r", help="What convinced you.")] = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Say yes to a version; the charter's `[gates] approvals` says how many people must."""
    from app.services import registry
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = registry.approve(store, model, version, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: print(done.says))


def waive(
    model: ModelName,
    version: Version,
    gate: Annotated[str, typer.Argument(help="The gate that does not pass.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the audit log.")] = "",
    until: Annotated[str, typer.Option("--until", help="The end: a day or a time (UTC), at most 90 days away.")] = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Let a failing gate go, by name, for a reason, until a day; some gates cannot be waived."""
    from app.services import registry
    from app.services.workspaces import actor

    step = f'trainmaster models waive {model} {version} {gate} --reason "..." --until 2030-01-31'
    if not reason.strip():
        raise Usage("a reason is needed", next_step=step)
    if not until:
        raise Usage("a waiver has an end", next_step=step)
    with opened(workspace) as (_, store):
        done = registry.waive(
            store, model, version, gate, by=actor(), reason=reason, until=moment_of(until, "--until", ends=True)
        )
    emit(done, as_json=json, human=lambda: print(done.says))


def diff(
    model: ModelName,
    after: Annotated[int, typer.Argument(min=1, help="The newer version.")],
    before: Annotated[int | None, typer.Argument(min=1, help="Default: the one in production.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """What is different: numbers, inputs, parameters, data, code, environment; against production by default."""
    from app.services.registry.differing import difference
    from app.store.queries import registry

    with reading(workspace) as (_, reader):
        serving = next((one.production_version for one in registry.models(reader) if one.name == model), None)
        against = before if before is not None else serving
        if against is None:
            raise Usage(
                f"nothing of {model} is in production", next_step=f"trainmaster models diff {model} {after} VERSION"
            )
        found = difference(reader, model, against, after)

    def human() -> None:
        table(
            ["part", "name", f"v{against}", f"v{after}"],
            [(one.part, one.name, one.before or "–", one.after or "–") for one in found.changes],
            empty="nothing is different",
        )
        for name, gain in found.gains.items():
            say(f"{name} on the same rows: {gain:+.4f}")

    emit(found, as_json=json, human=human)
