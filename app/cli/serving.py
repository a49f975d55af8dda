"""`trainmaster serve`: candidates beside production, and a version for a machine that is not this one."""

from dataclasses import asdict
from json import loads
from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit, fields, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading

commands = group("Candidates beside production; a version for a container, for Kubernetes or for KServe.")


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
    emit(shown, as_json=json, human=lambda: fields(shown | {"files": ", ".join(done.files)}))


@commands.command()
def trials(workspace: WorkspaceDir = None, limit: Limit = 20, json: Json = False) -> None:
    """List what was tried beside production (shadow, canary) or watched after its switch, newest first."""
    from app.store.queries.serving import rollouts

    with reading(workspace) as (_, reader):
        rows = rollouts(reader, limit=limit)
    emit(
        [
            asdict(row) | {"agreement": row.agreed / row.rows if row.rows else None, "limits": loads(row.limits)}
            for row in rows
        ],
        as_json=json,
        human=lambda: table(
            ["model", "state", "against", "requests", "errors", "agreement", "began", "says"],
            [
                (
                    f"{row.model} v{row.version}", row.state, f"v{row.baseline}", row.requests, row.errors,
                    f"{row.agreed / row.rows:.2%}" if row.rows else "", short_time(row.began_at), row.says,
                )
                for row in rows
            ],
            empty="nothing was tried or watched yet: a promotion over another version is watched",
        ),
    )  # fmt: skip
