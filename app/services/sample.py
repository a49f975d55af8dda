"""The sample project `flight-delay` with its first three months, put into a workspace."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import Refused
from app.domain.workspace import Workspace
from app.services import replay
from app.services.repository import commit_workspace

PROJECT = "flight-delay"
FIRST_MONTHS = (1, 2, 3)


@dataclass(frozen=True)
class SampleWritten:
    """What was put into the workspace; `commit` is None when git is not there."""

    project: str
    folder: Path
    is_new: bool
    commit: str | None


def write_sample_project(workspace: Workspace) -> SampleWritten:
    """Write the sample project, bring January to March, and commit; a project that is there already stays as it is."""
    sample = replay.sample_folder()
    folder = workspace.project_folder(PROJECT)
    is_new = not (folder / "project.toml").is_file()
    if is_new:
        _copy_project(workspace, sample / "project", folder)
    for month in FIRST_MONTHS:
        if not (folder / "incoming" / "flights" / f"flights-{replay.YEAR}-{month:02}.parquet").is_file():
            replay.bring(workspace, PROJECT, month)
    planes = folder / "incoming" / "planes" / "planes.parquet"
    if not planes.is_file():
        replay.arrive(sample / "planes.parquet", planes)
    return SampleWritten(PROJECT, folder, is_new, _commit(workspace))


def _commit(workspace: Workspace) -> str | None:
    return commit_workspace(workspace, f"Project {PROJECT}", "trainmaster.toml", ".gitignore", f"projects/{PROJECT}")


def _copy_project(workspace: Workspace, source: Path, target: Path) -> None:
    """Copy the project's folder, complete or not at all."""
    if target.exists() and any(target.iterdir()):
        raise Refused(f"{target} is there, but has no project.toml", next_step="move it away")
    part = workspace.state / f"copying-{secrets.token_hex(4)}"
    try:
        shutil.copytree(source, part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
