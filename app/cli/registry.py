"""`trainmaster models`: versions, explanation, card, export, promotion and rollback."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import aliasing, explaining, judging, promoting
from app.cli.explaining import usual
from app.cli.render import emit, fields, short_time, table
from app.cli.session import Json, Limit, ModelName, WorkspaceDir, group, reading
from app.cli.version_document import document

if TYPE_CHECKING:
    from app.store.queries.registry import VersionRow

commands = group("Model versions, promotion and rollback.")
for _name, _command in (
    ("explain", explaining.explain), ("card", explaining.card), ("export", explaining.export),
    ("gates", judging.gates), ("test", judging.judge), ("approve", judging.approve), ("waive", judging.waive),
    ("diff", judging.diff), ("stage", aliasing.stage), ("alias", aliasing.alias), ("aliases", aliasing.aliases),
    ("served-at", aliasing.served_at), ("history", aliasing.history),
    ("promote", promoting.promote), ("rollback", promoting.rollback), ("undo", promoting.undo),
):  # fmt: skip
    commands.command(_name)(_command)


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
        [document(row) for row in rows],
        as_json=json,
        human=lambda: table(
            ["model", "version", "stage", "aliases", "metrics", "gates", "features", "run", "commit", "made"],
            [
                (
                    row.model,
                    f"v{row.version}",
                    row.stage,
                    ", ".join(row.aliases),
                    _metrics(row),
                    f"{row.gates_passed}/{row.gates_total}"
                    + (f" ({row.gates_waived} waived)" if row.gates_waived else ""),
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
    whole = document(row) | {
        "verdict": judged.verdict or None,
        "significant": judged.significant,
        "intervals": judged.intervals,
        "unknown": judged.unknown,
        "gates": gates,
        "transitions": transitions,
    }

    def human() -> None:
        shown = {key: value for key, value in document(row).items() if key != "metrics"}
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
            ["gate", "passed", "value", "limit", "low", "high", "waived", "says"],
            [
                (one.gate, one.passed, one.value, one.limit_value, one.low, one.high, one.waived, one.says)
                for one in gates
            ],
            empty="no gate",
        )
        print()
        table(
            ["when", "from", "to", "by", "reason"],
            [(short_time(one.created_at), one.from_stage, one.to_stage, one.actor, one.reason) for one in transitions],
            empty="its stage has not changed",
        )

    emit(whole, as_json=json, human=human)


def _metrics(row: "VersionRow") -> str:
    return "  ".join(f"{key} {value:.4f}" for key, value in row.metrics.items() if "." not in key)
