"""The sample project `flight-delay` with its first three months, put into a workspace."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.domain.workspace import Workspace
from app.services import replay

PROJECT = "flight-delay"
FIRST_MONTHS = (1, 2, 3)
AUTHOR = ("-c", "user.name=trainmaster", "-c", "user.email=trainmaster@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class SampleWritten:
    """What was put into the workspace; `commit` is None when git is not there."""

    project: str
    folder: Path
    is_new: bool
    commit: str | None


def write_sample_project(workspace: Workspace) -> SampleWritten:
    """Write the sample project, bring January to March, and commit; a project that is there already is kept as it is."""
    sample = replay.sample_folder()
    folder = workspace.project_folder(PROJECT)
    is_new = not (folder / "project.toml").is_file()
    if is_new:
        copy_project(sample / "project", folder)
    for month in FIRST_MONTHS:
        if not (folder / "incoming" / "flights" / f"flights-{replay.YEAR}-{month:02}.parquet").is_file():
            replay.bring(workspace, PROJECT, month)
    planes = folder / "incoming" / "planes" / "planes.parquet"
    if not planes.is_file():
        replay.arrive(sample / "planes.parquet", planes)
    return SampleWritten(PROJECT, folder, is_new, commit_workspace(workspace, f"Project {PROJECT}"))


def copy_project(source: Path, target: Path) -> None:
    """Copy a project's folder, complete or not at all."""
    part = target.parent / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    part.rename(target)


def commit_workspace(workspace: Workspace, message: str) -> str | None:
    """Make the workspace a git repository if it is in none, and commit what is new in it; gives the head, or None.

    Only what stands in the workspace is committed; without git, nothing happens.
    """
    git = shutil.which("git")
    if git is None:
        return None
    root = str(workspace.root)
    inside = _git(git, root, "rev-parse", "--show-toplevel")
    if inside.returncode != 0 or Path(inside.stdout.strip()).resolve() != workspace.root.resolve():
        made = _git(git, root, "init", "--quiet", "--initial-branch=main")
        if made.returncode != 0:
            return None
    _git(git, root, "add", "--", "trainmaster.toml", ".gitignore", "projects")
    if _git(git, root, "diff", "--cached", "--quiet").returncode != 0:
        name = _git(git, root, "config", "user.email")
        author = AUTHOR if name.returncode != 0 or not name.stdout.strip() else ()
        _git(git, root, *author, "commit", "--quiet", "--no-verify", "-m", message)
    head = _git(git, root, "rev-parse", "HEAD")
    return head.stdout.strip() if head.returncode == 0 else None


def _git(git: str, root: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([git, "-C", root, *arguments], capture_output=True, text=True, check=False)
