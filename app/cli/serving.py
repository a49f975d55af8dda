"""`trainmaster serve`: a version for a machine that is not this one."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit, fields
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, group, opened

commands = group("Take a version to a container, to Kubernetes or to KServe.")


@commands.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    model: Annotated[str | None, typer.Option("--model", help="The model; default: the project's own.")] = None,
    version: Annotated[int | None, typer.Option("--version", help="Default: the one in production.")] = None,
    image: Annotated[str | None, typer.Option("--image", help="Name of the image in the manifests.")] = None,
    json: Json = False,
) -> None:
    """Write model, server, Containerfile and manifests to a folder; its server has answered before it appears."""
    from app.services.serving.exporting import export_serving
    from app.services.workspaces import actor

    with opened(workspace) as (place, store):
        name = model or chosen_project(place, project)
        done = export_serving(store, name, version, folder.absolute(), by=actor(), image=image)
    shown = {
        "folder": str(done.path),
        "model": done.model,
        "version": done.version,
        "files": list(done.files),
        "size_bytes": done.size_bytes,
        "proof": done.proof,
    }
    emit(shown, as_json=json, human=lambda: fields(shown))
