"""`trainmaster train` and `trainmaster experiments`: a model from the newest features, and the search for the best."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.ablating import ablate
from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading
from app.cli.waiting import run_flow

if TYPE_CHECKING:
    from app.store.queries.trials import ExperimentRow, TrialRow
    from app.store.reader import Reader

commands = group("Train a model and register it; search for the best learner and its hyperparameters.")
commands.command("ablate")(ablate)
listing = group("Searches: their trials, the best one, and why they ended.")


@commands.command()
def run(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Boosting rounds; default: those of project.toml.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="A run of a search: train as its best trial was configured.")
    ] = None,
    trial: Annotated[int | None, typer.Option(min=0, help="With --from: another trial than the best.")] = None,
    features_version: Annotated[
        int | None, typer.Option("--features", min=1, help="A version of the features; default: the newest.")
    ] = None,
    training_set: Annotated[str | None, typer.Option("--training-set", help="A training set: NAME or NAME/V.")] = None,
    because: Annotated[str | None, typer.Option("--because", help="The item of feedback that asked for it.")] = None,
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
        wishes = {
            "rounds": rounds, "from": source, "trial": trial, "feature_set": features_version,
            "training_set": training_set, "because": because,
        }  # fmt: skip
        parameters: dict[str, object] = {key: value for key, value in wishes.items() if value is not None}
        row = run_flow(place, store, name, "train", parameters, detach=detach, quiet=json)
        shown: dict[str, object] = {"run": row.key, "state": row.state}
        if not detach:
            version = next(v for v in registry.versions_of(store.reader, name) if v.run == row.key)
            shown |= {
                "model": f"{name}/{version.version}",
                "stage": version.stage,
                "gates": f"{version.gates_passed} of {version.gates_total}",
                "verdict": runs.parameters_of(store.reader, row.key).get("verdict"),
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
        "typical_error": found.typical_error, "coverage": found.coverage, "tracked": found.tracked, "says": found.says,
    }  # fmt: skip
    emit(document, as_json=json, human=lambda: print_estimate(found, verdict))


@commands.command()
def search(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials; default: those of project.toml.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Begin no trial after so many minutes.")] = None,
    resume: Annotated[str | None, typer.Option(help="A run of a search that ended early: go on with it.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for the run and do not wait for it.")] = False,
    json: Json = False,
) -> None:
    """Try learners and hyperparameters on the training rows, by folds in time; the test window stays unseen."""
    from app.store.queries import trials as queries

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        wishes = {"trials": trials, "minutes": minutes, "resume": resume}
        parameters: dict[str, object] = {key: value for key, value in wishes.items() if value is not None}
        row = run_flow(place, store, name, "experiment", parameters, detach=detach, quiet=json)
        shown: dict[str, object] = {"run": row.key, "state": row.state}
        if not detach:
            shown |= summary(store.reader, queries.experiment(store.reader, resume or row.key))
    emit(shown, as_json=json, human=lambda: _print_search(shown))


@listing.command("ls")
def ls(workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 20, json: Json = False) -> None:
    """The searches, the newest first."""
    from app.store.queries import trials as queries

    with reading(workspace) as (_, reader):
        found = queries.experiments(reader, project, limit=limit)
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ("experiment", "project", "state", "trials", "best", "learner", "metric", "value", "untuned", "started"),
            [
                (
                    row.key,
                    row.project,
                    row.state,
                    row.trials,
                    row.best,
                    row.best_learner,
                    row.metric,
                    row.best_value,
                    row.first_value,
                    short_time(row.created_at),
                )
                for row in found
            ],
            empty="no search yet: trainmaster train search",
        ),
    )


@listing.command("show")
def show(
    key: Annotated[str, typer.Argument(metavar="RUN", help="A run of the search, or the beginning of its key.")],
    workspace: WorkspaceDir = None,
    limit: Limit = 500,
    json: Json = False,
) -> None:
    """A search and its trials in their order."""
    from app.store.queries import trials as queries

    with reading(workspace) as (_, reader):
        row = queries.experiment(reader, key)
        found = queries.trials(reader, row.id, limit=limit)
        shown = {"state": row.state, **summary(reader, row)}
    if json:
        emit({**shown, "trials": found}, as_json=True, human=lambda: None)
        return
    _print_search(dict(shown))
    table(
        ("trial", "state", "learner", row.metric, "se", "rounds", "seconds", "what"),
        [
            (t.number, t.state, t.learner, t.value, t.standard_error, t.rounds, t.duration_s, t.says or _words(t))
            for t in found
        ],
        empty="no trial yet",
    )


@listing.command("compare")
def compare(
    key: Annotated[str, typer.Argument(metavar="RUN", help="A run of the search, or the beginning of its key.")],
    numbers: Annotated[list[int], typer.Argument(metavar="TRIAL...", help="Numbers of 2 to 12 trials.")],
    workspace: WorkspaceDir = None,
    baseline: Annotated[int | None, typer.Option(help="The trial to compare with; default: the untuned one.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is the same.")] = False,
    json: Json = False,
) -> None:
    """Compare trials of a search: hyperparameters, folds, and the gain fold by fold; only what differs."""
    from app.cli.runs_compare import cells
    from app.store.queries import trial_comparison
    from app.store.queries import trials as queries

    with reading(workspace) as (_, reader):
        row = queries.experiment(reader, key)
        wanted = set(numbers)
        chosen = [t for t in queries.trials(reader, row.id, limit=100_000) if t.number in wanted]
        found = trial_comparison.compare_trials(row, chosen, baseline=baseline)
    shown = {
        section.name: {
            line.name: dict(zip(found.keys, line.values, strict=True))
            for line in section.lines
            if everything or not line.same
        }
        for section in found.sections
    }
    document = {
        "experiment": row.key, "trials": list(found.keys), "baseline": found.keys[found.baseline],
        "verdicts": list(found.verdicts), **shown,
    }  # fmt: skip

    def human() -> None:
        headings = [("* " if at == found.baseline else "") + name for at, name in enumerate(found.keys)]
        for section in found.sections:
            rows = [(line.name, *cells(line)) for line in section.lines if everything or not line.same]
            if rows:
                table([section.name, *headings], rows, empty="")
                print()
        for verdict in found.verdicts:
            print(f"verdict: {verdict}")

    emit(document, as_json=json, human=human)


def summary(reader: "Reader", row: "ExperimentRow") -> dict[str, object]:
    """A search as the keys that programs read."""
    from app.store.queries import trials as queries

    found = {t.number: t for t in queries.trials(reader, row.id, limit=100_000)}
    best, untuned = found.get(-1 if row.best is None else row.best), found.get(queries.UNTUNED)
    gain = queries.gain_over_folds(best, untuned, row.direction) if best and untuned and best is not untuned else None
    return {
        "experiment": row.key,
        "project": row.project,
        "features": f"v{row.features}",
        "metric": row.metric,
        "trials": row.trials,
        "completed": row.completed,
        "pruned": row.pruned,
        "failed": row.failed,
        "best": row.best,
        "learner": row.best_learner,
        "value": row.best_value,
        "standard_error": best.standard_error if best else None,
        "rounds": best.rounds if best else None,
        "parameters": best.parameters if best else {},
        "untuned": row.first_value,
        "gain_over_untuned": gain.says if gain else None,
        "stopped": row.stopped,
        "edges": list(queries.edges(reader, row.id)),
    }


def _words(trial: "TrialRow") -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.parameters.items()
    )


def _print_search(shown: dict[str, object]) -> None:
    parameters, at_edge = shown.pop("parameters", {}), shown.pop("edges", [])
    fields(shown | (parameters if isinstance(parameters, dict) else {}))
    for says in at_edge if isinstance(at_edge, list) else ():
        say(f"  {says}: a wider space may hold a better one")
    if shown.get("best") is not None:
        say(f"  next: trainmaster train run --from {shown['experiment']}")


def _print(shown: dict[str, object]) -> None:
    metrics = shown.pop("metrics", {})
    known = metrics if isinstance(metrics, dict) else {}
    fields(shown | {key: value for key, value in known.items() if not key.endswith((".low", ".high"))})
    if "model" in shown:
        model, _, version = str(shown["model"]).partition("/")
        say(f'  next: trainmaster models promote {model} {version} --reason "..." --confirm {model}')
