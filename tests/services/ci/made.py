"""A workspace with one small project, committed."""

import subprocess
from pathlib import Path

from app.domain.workspace import Workspace
from app.services import proposal
from tests.faults.made import rows_csv

NAME = "homes"


def write_homes(workspace: Workspace, folder: Path, *, rows: int = 80) -> None:
    """The project `homes` from some rows, as `trainmaster init` writes and commits it."""
    file = folder / "homes.csv"
    file.write_bytes(rows_csv(rows))
    proposal.write_project(workspace, NAME, proposal.propose(file, target="late"))


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody; gives what it printed."""
    command = ["git", "-C", str(folder), "-c", "user.name=ana", "-c", "user.email=ana@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(workspace: Workspace, says: str) -> str:
    """Commit everything in the workspace; gives the commit."""
    git(workspace.root, "add", "--all")
    git(workspace.root, "commit", "--quiet", "-m", says)
    return git(workspace.root, "rev-parse", "HEAD")
