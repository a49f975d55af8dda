"""`trainmaster train`: from the newest features to a registered version."""

from typing import Annotated

import typer

from app.cli.render import emit, fields, say
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, group, opened
from app.cli.waiting import run_flow

commands = group("Train a model and register it.")


@commands.command()
def run(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Boosting rounds; default: those of project.toml.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for the run and do not wait for it.")] = False,
    json: Json = False,
) -> None:
    """Train on the newest features and register a version; builds the features first when there are none."""
    from app.store.queries import features, registry, runs

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        if features.feature_set(store.reader, name) is None:
            if not json:
                say("no features yet: ingest and build them first")
            for flow in ("ingest", "features"):
                run_flow(place, store, name, flow, quiet=json)
        parameters: dict[str, object] = {"rounds": rounds} if rounds else {}
        row = run_flow(place, store, name, "train", parameters, detach=detach, quiet=json)
        shown: dict[str, object] = {"run": row.key, "state": row.state}
        if not detach:
            version = next(v for v in registry.versions_of(store.reader, name) if v.run == row.key)
            shown |= {
                "model": f"{name}/{version.version}",
                "stage": version.stage,
                "gates": f"{version.gates_passed} of {version.gates_total}",
                "metrics": {
                    key: value for key, value in runs.metrics_of(store.reader, row.key).items() if "slice." not in key
                },
            }
    emit(shown, as_json=json, human=lambda: _print(shown))


@commands.command()
def estimate(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Boosting rounds; default: those of project.toml.")] = None,
    json: Json = False,
) -> None:
    """Tell time, memory and GPU memory of a training run before it begins, and how earlier estimates did."""
    from app.cli.machine import print_estimate
    from app.services import admission, estimating
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        found = estimating.estimate(store, open_project(place, chosen_project(place, project)), rounds=rounds)
        with store.read() as session:
            verdict = admission.verdict_for(session, found)
    document = {
        "project": found.project, "learner": found.learner, "device": found.device, "rows": found.shape.rows,
        "features": found.shape.features, "rounds": found.shape.rounds, "threads": found.shape.threads,
        "basis": found.basis, "seconds": found.seconds, "rss_bytes": found.rss_bytes,
        "gpu_memory_bytes": found.gpu_memory_bytes, "decision": verdict.decision, "decision_says": verdict.says,
        "typical_error": found.typical_error, "tracked": found.tracked, "says": found.says,
    }  # fmt: skip
    emit(document, as_json=json, human=lambda: print_estimate(found, verdict))


def _print(shown: dict[str, object]) -> None:
    metrics = shown.pop("metrics", {})
    fields(shown | (metrics if isinstance(metrics, dict) else {}))
    if "model" in shown:
        model, _, version = str(shown["model"]).partition("/")
        say(f'  next: trainmaster models promote {model} {version} --reason "..." --confirm {model}')
