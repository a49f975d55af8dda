"""The workspace as a git repository: what Trainmaster writes into it for a person is committed at once."""

import shutil
import subprocess
from pathlib import Path

from app.domain.workspace import Workspace

AUTHOR = ("-c", "user.name=trainmaster", "-c", "user.email=trainmaster@localhost")


def commit_workspace(workspace: Workspace, message: str, *paths: str) -> str | None:
    """Commit `paths` (relative to the root), in a new repository if the workspace has none; gives the head or None.

    Without git nothing happens: versions then have no commit, and the gate that asks for one says so.
    """
    git = shutil.which("git")
    if git is None:
        return None
    root = str(workspace.root)
    top = _git(git, root, "rev-parse", "--show-toplevel")
    if (top.returncode != 0 or Path(top.stdout.strip()).resolve() != workspace.root.resolve()) and _git(
        git, root, "init", "--quiet", "--initial-branch=main"
    ).returncode != 0:
        return None
    _git(git, root, "add", "--", *paths)
    if _git(git, root, "diff", "--cached", "--quiet", "--", *paths).returncode != 0:
        known = _git(git, root, "config", "user.email")
        author = () if known.returncode == 0 and known.stdout.strip() else AUTHOR
        commit = ("-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "-m", message, "--", *paths)
        _git(git, root, *author, *commit)
    head = _git(git, root, "rev-parse", "HEAD")
    return head.stdout.strip() if head.returncode == 0 else None


def _git(git: str, root: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([git, "-C", root, *arguments], capture_output=True, text=True, check=False)
