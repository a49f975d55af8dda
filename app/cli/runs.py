"""`trainmaster runs`: what ran, what runs, and why it failed."""

from typing import Annotated

import typer

from app.cli.render import emit, fields, plain, short_time, table
from app.cli.runs_compare import COMMANDS
from app.cli.runs_exchange import export, import_
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, group, opened, reading

commands = group("What ran, what runs, and why it failed.")
RunKey = Annotated[str, typer.Argument(help="The run's key, or the beginning of it.")]


@commands.command("ls")
def list_runs(
    where: Annotated[
        str,
        typer.Argument(
            help='A filter: words, state:failed, "metrics.auc > .72 and params.learner = lightgbm", tags.team=risk, '
            "!not, a | b, archived:yes."
        ),
    ] = "",
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    flow: Annotated[str | None, typer.Option(help="Only runs of this flow.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="requested, started, finished, duration, flow, state, by, metrics.NAME; - before it: largest first."
        ),
    ] = "-requested",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List runs, newest first."""
    from app.store.queries import runs

    column, descending = runs.sort_of(sort)
    with reading(workspace) as (_, reader):
        page = runs.page_of_runs(
            reader, project=project, flow=flow, where=runs.run_filter(where) if where else None, sort=column,
            descending=descending, limit=limit,
        )  # fmt: skip
        documents = [
            {
                "run": row.key, "flow": row.flow, "project": row.project, "state": row.state,
                "cause": f"{row.cause}:{row.cause_key}" if row.cause_key else row.cause,
                "requested_by": row.requested_by, "requested_at": row.requested_at, "started_at": row.started_at,
                "finished_at": row.finished_at, "duration_s": row.duration_s,
                "metrics": runs.metrics_of(reader, row.key) if json else {},
                "stages": row.stages, "stages_done": row.stages_done, "task": row.task, "share": row.share,
                "error": row.error, "next_step": row.next_step, "tags": row.tags, "archived_at": row.archived_at,
            }
            for row in page.rows
        ]  # fmt: skip
    emit(
        documents,
        as_json=json,
        human=lambda: table(
            ["run", "flow", "state", "requested", "seconds", "metric", "cause", "by", "tags", "error"],
            [
                (
                    row.key,
                    row.flow,
                    row.state,
                    short_time(row.requested_at),
                    None if row.duration_s is None else round(row.duration_s, 1),
                    None if row.value is None else f"{row.metric} {row.value:.4f}",
                    f"{row.cause} {row.cause_key}" if row.cause_key else row.cause,
                    row.requested_by,
                    " ".join(row.tags),
                    row.error,
                )
                for row in page.rows
            ],  # fmt: skip
            empty="no run yet; start one: trainmaster train run",
        ),
    )


@commands.command()
def show(run: RunKey, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Show one run: its record, tasks, parameters and metrics."""
    from app.store.queries import runs
    from app.store.queries.evaluation import verdict_of as judged_of
    from app.store.queries.machine import admissions_of, estimate_of, usage_of, verdict_of

    with reading(workspace) as (_, reader):
        detail = runs.run_detail(reader, run)
        key = detail.row.key
        tasks, metrics = runs.tasks_of(reader, key), runs.metrics_of(reader, key)
        parameters = runs.parameters_of(reader, key)
        usage, estimate, again = usage_of(reader, key), estimate_of(reader, key), verdict_of(reader, key)
        admissions = admissions_of(reader, key)
        notes, baseline = runs.notes_of(reader, key), runs.baseline_of(reader, detail.row.project) == key
    document = {
        "run": key,
        **{name: value for name, value in _as_dict(detail.row).items() if name not in ("id", "key")},
        **{name: value for name, value in _as_dict(detail).items() if name not in ("row", "parameters")},
        "verdict": judged_of(detail.row.state, detail.row.error, parameters) if detail.row.flow == "train" else None,
        "device": usage.device if usage else None,
        "usage": usage,
        "estimate": estimate,
        "admissions": admissions,
        "reproduced": again.verdict if again else None,
        "tasks": tasks,
        "parameters": parameters,
        "metrics": metrics,
        "notes": notes,
        "baseline": baseline,
    }

    def human() -> None:
        kept = (
            "tasks", "parameters", "metrics", "environment", "usage", "estimate", "admissions", "notes", "tags",
        )  # fmt: skip
        fields({name: value for name, value in document.items() if name not in kept and value not in (None, "")})
        print()
        table(
            ["task", "state", "seconds", "result"],
            [
                (
                    task.name,
                    task.state,
                    None if task.duration_s is None else round(task.duration_s, 2),
                    task.error or task.says,
                )
                for task in tasks
            ],  # fmt: skip
            empty="no task yet",
        )
        if metrics:
            print()
            table(["metric", "value"], sorted(metrics.items()), empty="")
        if detail.row.tags:
            print()
            fields({"tags": " ".join(detail.row.tags)})
        if notes:
            print()
            table(["noted", "by", "note"], [(short_time(n.at), n.actor, n.says) for n in notes], empty="")

    emit(document, as_json=json, human=human)


@commands.command()
def logs(
    run: RunKey,
    workspace: WorkspaceDir = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    json: Json = False,
) -> None:
    """Print a run's log."""
    import time

    from app.domain.text import visible
    from app.store.queries import runs

    with reading(workspace) as (_, reader):
        key = runs.run_detail(reader, run).row.key
        if json:
            emit(runs.log_lines_of(reader, key, limit=100_000), as_json=True, human=lambda: None)
            return
        seq = -1
        while True:
            ended = runs.run_detail(reader, key).row.finished_at is not None
            for line in runs.log_lines_of(reader, key, after_seq=seq, limit=100_000):
                for text in line.says.split("\n"):
                    print(f"{short_time(line.at)}  {line.level:<7}  {visible(text, longest=2000)}")
                seq = line.seq
            if ended or not follow:
                return
            time.sleep(0.5)


@commands.command()
def cancel(run: RunKey, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Cancel a run that waits or runs."""
    from app.services import runs as service
    from app.store.queries import runs

    with opened(workspace) as (place, store):
        key = runs.run_detail(store.reader, run).row.key
        state = service.cancel(store, place, key)
    emit({"run": key, "state": state}, as_json=json, human=lambda: print(f"run {key} {state}"))


@commands.command()
def reproduce(run: RunKey, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Make a training run again in a clean process, and say whether the same came out, or where it diverged."""
    from app.cli.machine import print_reproduced
    from app.cli.render import Bar
    from app.services import reproducing
    from app.services.workspaces import actor

    bar = Bar()
    with opened(workspace) as (place, store):
        found = reproducing.reproduce(
            store, place, run, by=actor(), on_progress=lambda says, share: bar.show(share, f"again: {says}", None)
        )
    bar.done()
    document = {
        "run": found.run, "verdict": found.verdict, "step": found.step, "first_difference": found.first_difference,
        "steps": found.steps, "tolerance": found.tolerance, "seconds": found.seconds, "says": found.says,
    }  # fmt: skip
    emit(document, as_json=json, human=lambda: print_reproduced(found))
    if found.verdict == "diverged":
        raise typer.Exit(1)


def _as_dict(value: object) -> dict[str, object]:
    shown = plain(value)
    assert isinstance(shown, dict)
    return shown


for command in COMMANDS:
    commands.command()(command)
commands.command("export")(export)
commands.command("import")(import_)
