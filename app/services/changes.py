"""What of a project's code is not in its commit: a patch that applies again, bounded in size, without secrets."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.text import visible

MOST_BYTES = 1_000_000
MOST_FILE_BYTES = 256_000
LEFT_OUT = "# left out: "
SECRET_FILE = re.compile(
    r"(^|/)(\.env.*|.*\.(pem|key|p12|pfx|keystore)|id_[a-z0-9]+|\.netrc|.*(credential|secret|token).*)$", re.I
)
SECRET_TEXT = re.compile(
    r"(?i)((password|passwd|secret|token|api_?key|access_?key|private_?key|credential)s?[\"']?\s*[:=]\s*[\"'][^\"'\s${}]{4,})"
    r"|://[^/\s:@]+:[^/\s:@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
)


@dataclass(frozen=True)
class Changes:
    """A patch against the commit; `left_out` names the files that it does not carry, each with the reason."""

    patch: bytes
    left_out: tuple[str, ...] = ()


def changes_of(root: Path, folder: Path) -> Changes:
    """The patch of everything in `folder` that differs from the commit of the repository at `root`, new files too.

    A file that looks like a secret, that holds one, that is not text or that is larger than 256 kB is left out, and so
    is what passes one megabyte in all; each of them is named in the patch itself.
    """
    tracked = _git(root, "diff", "HEAD", "--name-only", "-z", "--", str(folder))
    fresh = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", str(folder))
    parts: list[bytes] = []
    left_out: list[str] = []
    size = 0
    for names, is_new in ((tracked, False), (fresh, True)):
        for name in sorted(filter(None, names.decode(errors="surrogateescape").split("\0"))):
            piece, reason = _piece(root, name, is_new=is_new)
            if not reason and size + len(piece) > MOST_BYTES:
                reason = "the patch would pass 1 MB"
            if reason:
                left_out.append(f"{visible(name)} ({reason})")
            else:
                parts.append(piece)
                size += len(piece)
    head = "".join(f"{LEFT_OUT}{one}\n" for one in left_out).encode(errors="backslashreplace")
    return Changes(head + b"".join(parts), tuple(left_out))


def left_out_of(patch: bytes) -> tuple[str, ...]:
    """The files that a stored patch does not carry.

    >>> left_out_of(b"# left out: .env (its name says secret)\\ndiff --git a/x b/x\\n")
    ('.env (its name says secret)',)
    """
    lines = patch.decode(errors="replace").splitlines()
    return tuple(line.removeprefix(LEFT_OUT) for line in lines if line.startswith(LEFT_OUT))


def _piece(root: Path, name: str, *, is_new: bool) -> tuple[bytes, str]:
    """The patch of one file, and why it is left out ("" when it is not)."""
    path = root / name
    if SECRET_FILE.search(name):
        return b"", "its name says secret"
    if path.is_symlink():
        return b"", "a link"
    if path.exists() and path.stat().st_size > MOST_FILE_BYTES:
        return b"", "larger than 256 kB"
    arguments = ("--no-index", "--", "/dev/null", name) if is_new else ("HEAD", "--", name)
    piece = _git(root, "diff", "--no-color", "--no-ext-diff", "--no-textconv", *arguments)
    text = piece.decode(errors="replace")
    if "\nBinary files " in text:
        return b"", "not text"
    return (b"", "it holds what looks like a secret") if SECRET_TEXT.search(text) else (piece, "")


def _git(root: Path, *words: str) -> bytes:
    done = subprocess.run(
        ["git", "-C", str(root), "-c", "core.quotePath=false", *words], capture_output=True, check=False
    )
    return done.stdout if done.returncode in (0, 1) else b""  # 1: `diff --no-index` found a difference


def is_dirty(root: Path, folder: Path) -> bool:
    """Whether anything in a folder differs from the commit; True where git does not say."""
    done = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain", "--", str(folder)], capture_output=True, check=False
    )
    return done.returncode != 0 or bool(done.stdout.strip())


def apply(root: Path, patch: bytes) -> str:
    """Apply a stored patch to a fresh checkout; gives "" or what git says against it."""
    if not patch.strip() or not any(line.startswith(b"diff ") for line in patch.splitlines()):
        return ""
    done = subprocess.run(
        ["git", "-C", str(root), "apply", "--whitespace=nowarn", "-"], input=patch, capture_output=True, check=False
    )
    return "" if done.returncode == 0 else visible(done.stderr.decode(errors="replace").strip(), longest=300)


__all__: Sequence[str] = ["Changes", "apply", "changes_of", "is_dirty", "left_out_of"]
