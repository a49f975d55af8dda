"""The files of one commit, read from git's own objects: the working tree has no say."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import BadInput, NotFound, Refused, Unavailable
from app.domain.text import visible
from app.domain.workspace import Workspace

MOST_BYTES = 256 * 1024**2
MOST_FILES = 20_000
PLAIN, EXECUTABLE = "100644", "100755"


@dataclass(frozen=True)
class Commit:
    """A commit of the workspace's repository."""

    sha: str
    author: str
    subject: str
    branch: str


@dataclass(frozen=True)
class SourceText:
    """One file of a commit; `mode` is git's (`100644` or `100755`)."""

    mode: str
    content: bytes


def commit_of(workspace: Workspace, name: str = "HEAD") -> Commit:
    """The commit that a name stands for; raises NotFound when there is no such commit, Unavailable without git."""
    if name.startswith("-"):
        raise NotFound(f"{visible(name)!r} is no commit", next_step="git log --oneline")
    found = _git(workspace, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if found.returncode != 0:
        raise NotFound(
            f"the workspace's repository has no commit {visible(name)!r}",
            where=str(workspace.root),
            next_step="git init, and commit the projects" if name == "HEAD" else "git log --oneline",
        )
    sha = found.stdout.decode().strip()
    shown = _git(workspace, "show", "--no-patch", "--format=%an%x00%s", sha).stdout.decode(errors="replace")
    author, _, subject = shown.rstrip("\n").partition("\0")
    branch = _git(workspace, "rev-parse", "--abbrev-ref", "HEAD").stdout.decode(errors="replace").strip()
    return Commit(sha, visible(author, longest=200), visible(subject, longest=500), visible(branch, longest=200))


def files_of(workspace: Workspace, sha: str) -> dict[str, SourceText]:
    """Every file below the workspace's root at a commit, by its path.

    Raises Refused for what is no plain file (a link, a submodule) or is too large, BadInput for a path that is no text.
    """
    listed = _git(workspace, "ls-tree", "-r", "-z", "-l", sha)
    if listed.returncode != 0:
        raise NotFound(f"git cannot list {sha[:12]}", next_step="git fsck")
    entries = [_entry(line) for line in listed.stdout.split(b"\0") if line]
    total = sum(size for _, _, size, _ in entries)
    if total > MOST_BYTES or len(entries) > MOST_FILES:
        raise Refused(
            f"the commit holds {len(entries):,} files of {total / 1024**2:,.0f} MiB; a bundle takes "
            f"{MOST_FILES:,} files and {MOST_BYTES // 1024**2} MiB",
            where=sha[:12],
            next_step="keep data out of the repository: incoming/ is ignored by git",
        )
    request = "".join(f"{name}\n" for _, name, _, _ in entries).encode()
    answer = _git(workspace, "cat-file", "--batch", text=request).stdout
    files, at = {}, 0
    for mode, _, size, path in entries:
        begin = answer.index(b"\n", at) + 1
        files[path] = SourceText(mode, answer[begin : begin + size])
        at = begin + size + 1
    return files


def _entry(line: bytes) -> tuple[str, str, int, str]:
    facts, _, raw = line.partition(b"\t")
    mode, kind, name, size = facts.decode().split()
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        raise BadInput(f"the path {visible(raw)} is not UTF-8", next_step="rename the file") from None
    if kind != "blob" or mode not in (PLAIN, EXECUTABLE):
        what = "a link" if mode == "120000" else "a submodule"
        raise Refused(f"{visible(path)} is {what}; a bundle takes plain files", next_step="commit the file itself")
    return mode, name, int(size), path


def write_files(files: dict[str, SourceText], folder: Path) -> None:
    """Write the files of a commit below a folder that is ours."""
    for path, file in files.items():
        target = folder / path
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise Refused(f"{visible(path)} leaves the workspace", next_step="rename the file")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(0o755 if file.mode == EXECUTABLE else 0o644)


def _git(workspace: Workspace, *arguments: str, text: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    git = shutil.which("git")
    if git is None:
        raise Unavailable("git is not installed", next_step="install git")
    return subprocess.run([git, "-C", str(workspace.root), *arguments], input=text, capture_output=True, check=False)


__all__ = ["Commit", "SourceText", "commit_of", "files_of", "write_files"]
