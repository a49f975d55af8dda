"""`trainmaster models`: versions, explanation, card, export, promotion and rollback."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import explaining
from app.cli.explaining import usual
from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import Json, Limit, WorkspaceDir, group, opened, reading
from app.domain.errors import Usage

if TYPE_CHECKING:
    from app.store.queries.registry import VersionRow

commands = group("Model versions, promotion and rollback.")
ModelName = Annotated[str, typer.Argument(help="The model's name.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the audit log.")]
for _name, _command in (("explain", explaining.explain), ("card", explaining.card), ("export", explaining.export)):
    commands.command(_name)(_command)
Confirm = Annotated[str, typer.Option("--confirm", help="The model's name again, so that it is meant.")]


@commands.command("ls")
def list_versions(
    model: Annotated[str | None, typer.Argument(help="Only versions of this model.")] = None,
    workspace: WorkspaceDir = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List model versions, newest first."""
    from app.store.queries import registry

    with reading(workspace) as (_, reader):
        rows = registry.versions_of(reader, model, limit=limit) if model else registry.versions(reader, limit=limit)
    emit(
        [_document(row) for row in rows],
        as_json=json,
        human=lambda: table(
            ["model", "version", "stage", "metrics", "gates", "features", "run", "commit", "made"],
            [
                (
                    row.model,
                    f"v{row.version}",
                    row.stage,
                    _metrics(row),
                    f"{row.gates_passed}/{row.gates_total}",
                    f"v{row.features_version}",
                    row.run,
                    (row.commit or "")[:8] + ("+" if row.dirty else ""),
                    short_time(row.created_at),
                )
                for row in rows
            ],  # fmt: skip
            empty="no model yet; train one: trainmaster train run",
        ),
    )


@commands.command()
def show(
    model: ModelName,
    version: Annotated[int | None, typer.Argument(min=1, help="Default: the one in production, or the newest.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Show one version: metrics with slices, gates, and what happened to its stages."""
    from app.store.queries import registry
    from app.store.queries.evaluation import evaluation_of

    with reading(workspace) as (_, reader):
        row = registry.version_of(reader, model, version or usual(reader, model))
        judged = evaluation_of(reader, model, row.version)
        gates = registry.gates_of(reader, row.id)
        transitions = [one for one in registry.transitions_of(reader, model) if one.version == row.version]
    document = _document(row) | {
        "verdict": judged.verdict or None,
        "significant": judged.significant,
        "intervals": judged.intervals,
        "unknown": judged.unknown,
        "gates": gates,
        "transitions": transitions,
    }

    def human() -> None:
        shown = {key: value for key, value in _document(row).items() if key != "metrics"}
        fields(shown | {"verdict": judged.verdict or "unknown"})
        print()
        bounds = (".low", ".high")
        table(
            ["metric", "value", "low", "high"],
            [
                (key, value, row.metrics.get(f"{key}.low"), row.metrics.get(f"{key}.high"))
                for key, value in sorted(row.metrics.items())
                if not key.endswith(bounds)
            ],
            empty="no metric",
        )
        for name, why in judged.unknown.items():
            print(f"{name}: {why}")
        print()
        table(
            ["gate", "passed", "value", "limit", "says"],
            [(gate.gate, gate.passed, gate.value, gate.limit_value, gate.says) for gate in gates],
            empty="no gate",
        )
        print()
        table(
            ["when", "from", "to", "by", "reason"],
            [(short_time(one.created_at), one.from_stage, one.to_stage, one.actor, one.reason) for one in transitions],
            empty="its stage has not changed",
        )

    emit(document, as_json=json, human=human)


@commands.command()
def promote(
    model: ModelName,
    version: Annotated[int, typer.Argument(min=1, help="The version.")],
    reason: Reason = "",
    confirm: Confirm = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Put a version into production: gates, package and canary are checked, then one switch, or everything stays."""
    from app.cli.waiting import finished, follow
    from app.services import infrastructure, registry, runs
    from app.services.workspaces import actor, open_project
    from app.store.queries import registry as queries

    with opened(workspace) as (place, store):
        project = queries.version_of(store.reader, model, version).project
        plan = registry.plan_promotion(store, project, model, version)
        if not json:
            for line in (*plan.changes, *(f"gate {gate.gate}: {gate.says}" for gate in plan.gates), *plan.notes):
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
    emit(_document(row), as_json=json, human=lambda: print(f"{model} v{version} is in {row.stage}"))
    if not json:
        say(f"  undo: trainmaster models rollback {model} --reason ... --confirm {model}")


@commands.command()
def rollback(
    model: ModelName, reason: Reason = "", confirm: Confirm = "", workspace: WorkspaceDir = None, json: Json = False
) -> None:
    """Put the version before back into production, proven on its stored answers first."""
    from app.services import registry
    from app.services.workspaces import actor
    from app.store.queries import registry as queries

    with opened(workspace) as (_, store):
        _require(model, confirm, reason, f"trainmaster models rollback {model}")
        project = next((one.project for one in queries.models(store.reader) if one.name == model), model)
        switched = registry.rollback(store, project, by=actor(), reason=reason)
        row = queries.production_of(store.reader, project)
    assert row is not None
    emit(_document(row), as_json=json, human=lambda: print(f"{model} v{row.version} is in production again"))
    if not json:
        say(f"  it replaced v{switched.replaced}, in {switched.seconds:.2f} s")


def _require(model: str, confirm: str, reason: str, command: str) -> None:
    if not reason.strip():
        raise Usage("a reason is needed", next_step=f'{command} --reason "..." --confirm {model}')
    if confirm != model:
        raise Usage(
            "the model's name confirms that it is meant", next_step=f'{command} --reason "..." --confirm {model}'
        )


def _document(row: "VersionRow") -> dict[str, object]:
    return {
        "model": row.model, "version": row.version, "stage": row.stage, "run": row.run, "digest": row.digest,
        "metrics": row.metrics, "created_at": row.created_at, "project": row.project, "features": row.features_version,
        "commit": row.commit, "dirty": row.dirty, "gates_passed": row.gates_passed, "gates_total": row.gates_total,
        "size_bytes": row.size_bytes,
    }  # fmt: skip


def _metrics(row: "VersionRow") -> str:
    return "  ".join(f"{key} {value:.4f}" for key, value in row.metrics.items() if "." not in key)
