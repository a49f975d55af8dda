"""The code half of a comparison: what changed between two runs' commits, and what was not committed."""

import re
import shutil
import subprocess
from dataclasses import dataclass

from app.domain.errors import Unavailable
from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.queries.content import content_of
from app.store.queries.runs import Comparison, RunDetail

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
LONGEST = 200_000
"""Characters of one difference."""


@dataclass(frozen=True)
class CodeChange:
    """How one run's code differs from the baseline's: `git diff` of the commits, and what neither had committed."""

    run: str
    says: str
    files: tuple[str, ...]
    patch: str
    uncommitted: str
    baseline_uncommitted: str


def code_changes(store: Store, workspace: Workspace, found: Comparison) -> list[CodeChange]:
    """The code of every other run next to the baseline's, within the project's folder."""
    base = found.runs[found.baseline]
    return [change_of(store, workspace, base, run) for run in found.runs if run is not base]


def change_of(store: Store, workspace: Workspace, base: RunDetail, run: RunDetail) -> CodeChange:
    """The code of one run next to another's; a commit that the repository no longer has is said, not raised."""
    files: tuple[str, ...] = ()
    patch, says = "", "the same commit"
    if run.commit is None or base.commit is None:
        says = "a commit is not known: the workspace was no git repository"
    elif not (_COMMIT.fullmatch(run.commit) and _COMMIT.fullmatch(base.commit)):
        says = "a commit is no commit of git"
    elif run.commit != base.commit:
        folder = f"projects/{run.row.project}"
        try:
            patch = _git(workspace, "diff", base.commit, run.commit, "--", folder)[:LONGEST]
            named = _git(workspace, "diff", "--name-only", base.commit, run.commit, "--", folder)
            files = tuple(named.split("\n")[:-1])
            says = f"{base.commit[:12]}..{run.commit[:12]}: {len(files)} {'file' if len(files) == 1 else 'files'}"
        except Unavailable as error:
            says = error.message
    mine, theirs = _uncommitted(store, run), _uncommitted(store, base)
    if run.dirty or base.dirty:
        known = "the same changes" if mine == theirs and mine else "changes" if mine or theirs else "changes not kept"
        says += f", and {known} that were not committed"
    return CodeChange(run.row.key, says, files, patch, mine, theirs)


def _uncommitted(store: Store, run: RunDetail) -> str:
    """The diff that was kept with a run that began on uncommitted code."""
    row = store.reader.one("SELECT * FROM run WHERE id = :id", {"id": run.row.id}) or {}
    digest = row.get("diff")
    return content_of(store.reader, digest).decode(errors="replace")[:LONGEST] if digest else ""


def _git(workspace: Workspace, *arguments: str) -> str:
    """What git says; raises Unavailable when there is no git, or it does not know a commit."""
    git = shutil.which("git")
    if git is None:
        raise Unavailable("git is not installed", next_step="apt-get install git")
    command = [git, "-C", str(workspace.root), "-c", "core.quotepath=off", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    if told.returncode != 0:
        raise Unavailable("the repository no longer has one of the commits", next_step="git log --all")
    return told.stdout


__all__ = ["CodeChange", "change_of", "code_changes"]
