"""The secrets that project.toml and trainmaster.toml name as ${NAME}: from the environment, or a file of mode 0600."""

import os
import stat
from collections.abc import Mapping

from app.domain.errors import Refused
from app.domain.secrets import Secrets
from app.domain.workspace import MARKER, Workspace


def secrets_of(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets of the environment, and of `.trainmaster/secrets`; raises Refused when others may read that file."""

    def lookup(name: str) -> str | None:
        return environment.get(name) or secret_lines(workspace).get(name)

    return Secrets(lookup)


def secret_lines(workspace: Workspace) -> dict[str, str]:
    """The NAME=value lines of the workspace's secrets; raises Refused when others may read the file."""
    path = workspace.secrets_file
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return {}
    if mode & 0o077:
        raise Refused(f"others may read it (mode {mode:04o})", where=str(path), next_step=f"chmod 600 {path}")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def filled_url(workspace: Workspace, section: str, url: str) -> str:
    """The `url` of a section of trainmaster.toml with its secrets filled in; raises Refused for one that is not set.

    >>> from pathlib import Path
    >>> filled_url(Workspace(Path("/nowhere")), "store", "postgresql://ana@db/shop")
    'postgresql://ana@db/shop'
    """
    try:
        return secrets_of(workspace).filled_url(url)
    except Refused as error:
        if error.where is not None:
            raise
        raise Refused(
            error.message,
            where=f"[{section}] url in {MARKER}",
            next_step=f"export it, or write a line NAME=value into {workspace.secrets_file} (chmod 600)",
        ) from None
