"""`trainmaster demo` and `init`: from nothing to a model."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import (
    Json,
    OpenControlRoom,
    WorkspaceDir,
    current_workspace,
    single,
)
from app.domain.errors import NotFound, Usage
from app.domain.workspace import Workspace

demo, init = single(), single()


class Host(StrEnum):
    """Hosted CI systems that a file is written for."""

    GITHUB = "github"
    GITLAB = "gitlab"


@demo.command()
def demo_command(
    folder: Annotated[Path, typer.Argument(help="Where the sample workspace goes.")] = Path("flight-demo"),
    json: Json = False,
) -> None:
    """Build the sample workspace from real flights; in a terminal the control room opens on it.

    Without a terminal the whole pipeline runs, prints ids, metrics and seconds a stage, and the command ends.
    """
    from app.services import runs, sample
    from app.services.workspaces import make_workspace, open_store
    from app.store.queries import registry

    workspace = make_workspace(folder)
    project = sample.write_sample_project(workspace).project
    say(f"workspace {workspace.root}, project {project}")
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not json
    up_s = _up(workspace)
    with open_store(workspace) as store:
        if registry.production_of(store.reader, project) is None:
            key = runs.request(store, workspace, project, "pipeline", {"promote": True})
        else:
            key = None
    if interactive:
        raise OpenControlRoom(workspace)
    shown = _report(workspace, project, key, up_s)
    emit(shown, as_json=json, human=lambda: _print_demo(workspace, shown))


@init.command()
def init_command(
    name: Annotated[str | None, typer.Argument(help="The new project's name.")] = None,
    file: Annotated[Path | None, typer.Option("--from", help="A CSV or Parquet file.")] = None,
    ci: Annotated[Host | None, typer.Option(help="Write the file with which a hosted CI checks each commit.")] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict; default: proposed.")] = None,
    time: Annotated[str | None, typer.Option(help="The time column; default: proposed.")] = None,
    entity: Annotated[str | None, typer.Option(help="The column that names a row; default: proposed.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Look at a file, propose target, task, time and entity, say why, and write a project that trains as it stands."""
    if ci is not None:
        _write_hosted(workspace, ci, json=json and name is None)
        if name is None:
            return
    if name is None or file is None:
        raise Usage("which file becomes which project?", next_step="trainmaster init NAME --from FILE")
    from app.services import proposal
    from app.services.workspaces import make_workspace

    found = proposal.propose(file, target=target, time=time, entity=entity)
    proposal.require_name(name)
    try:
        place = current_workspace(workspace)
    except NotFound:
        place = make_workspace(workspace or Path.cwd())
        say(f"made a workspace in {place.root}")
    written = proposal.write_project(place, name, found)

    def human() -> None:
        for line in found.says:
            print(line)
        say(f"wrote {written.folder.relative_to(place.root)}")
        say(f"  next: trainmaster train run --project {name}")

    document = {
        "project": name, "folder": str(written.folder), "target": found.target, "task": found.task,
        "metric": found.metric, "time": found.time, "entity": found.entity, "features": found.features,
        "left_out": dict(found.excluded), "says": found.says,
    }  # fmt: skip
    emit(document, as_json=json, human=human)


def _write_hosted(workspace: Path | None, host: Host, *, json: bool) -> None:
    from app.services.ci import write_hosted

    path = write_hosted(current_workspace(workspace), host.value)
    say(f"wrote {path}: it runs trainmaster ci run; without data there, commit what trainmaster ci sample writes")
    if json:
        emit({"file": str(path)}, as_json=True, human=lambda: None)


def _up(workspace: Workspace) -> float:
    from app.cli.infrastructure import start_services

    return start_services(workspace.root)


def _report(workspace: Workspace, project: str, key: str | None, up_s: float) -> dict[str, object]:
    from app.cli.waiting import finished, follow
    from app.services import infrastructure
    from app.services.workspaces import open_store
    from app.store.queries import registry, runs

    with open_store(workspace) as store:
        stages: list[dict[str, object]] = []
        if key is not None:
            follow(store, key)
            finished(store, key)
            stages = [
                {"stage": t.name, "seconds": t.duration_s, "result": t.says} for t in runs.tasks_of(store.reader, key)
            ]
        version = registry.production_of(store.reader, project)
        assert version is not None
        return {
            "workspace": str(workspace.root),
            "project": project,
            "run": key,
            "seconds_up": round(up_s, 2),
            "stages": stages,
            "model": f"{version.model}/{version.version}",
            "stage": version.stage,
            "digest": version.digest,
            "metrics": version.metrics,
            "serves": infrastructure.client_environment(workspace).get("TRAINMASTER_GATEWAY"),
        }


def _print_demo(workspace: Workspace, shown: dict[str, object]) -> None:
    stages = shown.pop("stages")
    metrics = shown.pop("metrics")
    assert isinstance(stages, list)
    assert isinstance(metrics, dict)
    table(
        ["stage", "seconds", "result"],
        [(one["stage"], round(one["seconds"] or 0, 2), one["result"]) for one in stages],
        empty="the sample project has a production version already",
    )
    print()
    fields(shown | metrics)
    say(f"the services stay up; stop them: trainmaster down --workspace {workspace.root}")
    say(f"  next: cd {workspace.root} and trainmaster replay, or trainmaster for the control room")
