"""The git hook that asks for a CI run after each commit."""

import shlex
import subprocess
import sys
from pathlib import Path

from app.domain.errors import Refused
from app.domain.workspace import Workspace

MARK = "# Trainmaster: CI after each commit"


def install_hook(workspace: Workspace) -> Path:
    """Write `post-commit` into the repository's hooks; raises Refused for a hook that is not ours, or no repository."""
    asked = subprocess.run(
        ["git", "-C", str(workspace.root), "rev-parse", "--git-path", "hooks"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise Refused("the workspace is no git repository", where=str(workspace.root), next_step="git init")
    hook = (workspace.root / asked.stdout.strip() / "post-commit").resolve()
    if hook.exists() and MARK not in hook.read_text(errors="replace"):
        raise Refused(
            "there is a post-commit hook already", where=str(hook), next_step=f"add to it: {_command(workspace)}"
        )
    hook.parent.mkdir(parents=True, exist_ok=True)
    made = hook.with_name("post-commit.new")
    made.write_text(f"#!/bin/sh\n{MARK}\n{_command(workspace)} >/dev/null 2>&1 || true\n")
    made.chmod(0o755)
    made.replace(hook)
    return hook


def _command(workspace: Workspace) -> str:
    parts = [sys.executable, "-m", "app.main", "--workspace", str(workspace.root), "ci", "run", "--detach"]
    return f"env -u GIT_DIR -u GIT_INDEX_FILE {shlex.join(parts)}"


__all__ = ["install_hook"]
