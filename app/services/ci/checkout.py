"""A commit as a workspace of its own, made for one CI run and removed after it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import NotFound
from app.domain.workspace import MARKER, Workspace
from app.services.ci.sources import Commit, SourceText, files_of, write_files
from app.services.running import RunContext

LEFT_BEHIND_S = 24 * 3600.0


@dataclass(frozen=True)
class Checkout:
    """The files of a commit, in memory and below `workspace`."""

    commit: Commit
    files: Mapping[str, SourceText] = field(repr=False)
    workspace: Workspace
    begun: float


@contextmanager
def checked_out(run: RunContext, commit: Commit) -> Iterator[Checkout]:
    """The commit in a folder below `.trainmaster/ci`, gone when the block ends; raises NotFound without the project."""
    begun = time.monotonic()
    home = run.project.workspace
    files = files_of(home, commit.sha)
    if f"projects/{run.project.name}/project.toml" not in files:
        raise NotFound(
            f"commit {commit.sha[:12]} has no projects/{run.project.name}/project.toml",
            next_step=f"git add projects/{run.project.name} && git commit",
        )
    home.ci.mkdir(mode=0o700, exist_ok=True)
    _sweep(home.ci)
    folder = Path(tempfile.mkdtemp(prefix=f"{run.key}-", dir=home.ci))
    try:
        write_files(dict(files), folder)
        (folder / MARKER).touch()
        yield Checkout(commit, files, Workspace(folder), begun)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed has left behind."""
    for left in folder.iterdir():
        if time.time() - os.stat(left).st_mtime > LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)


__all__ = ["Checkout", "checked_out"]
