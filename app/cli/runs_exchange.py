"""`trainmaster runs export|import --mlflow`: MLflow's tracking layout, out and in."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened


def export(
    mlflow: Annotated[Path, typer.Option(help="The folder to make, as MLflow's file store.")],
    where: Annotated[str, typer.Argument(help="Which runs, as in `runs ls`.")] = "",
    project: ProjectName = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Write runs with parameters, metrics, history, tags and files as an MLflow file store."""
    from app.services.runs.mlflow import export_runs
    from app.store.queries import runs

    with opened(workspace) as (_, store):
        done = export_runs(store, mlflow, where=runs.run_filter(where) if where else None, project=project)
    left = f", {done.unfinished} that have not ended left out" if done.unfinished else ""
    emit(done, as_json=json, human=lambda: print(f"{done.runs} runs with {done.files} files in {done.folder}{left}"))


def import_(
    mlflow: Annotated[str, typer.Option(help="A folder of MLflow's file store, or sqlite:///FILE.")],
    project: ProjectName = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Import the runs of MLflow into a project: all that are new, or none."""
    from app.services.running import register_project
    from app.services.runs.mlflow import import_mlflow
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        number = register_project(store, open_project(place, chosen_project(place, project)))
        done = import_mlflow(store, mlflow, project_id=number, by=actor())
    emit(done, as_json=json, human=lambda: print(done.says))
