"""The patch of a run: everything that is not committed, bounded, without secrets, and it applies again."""

import subprocess
from pathlib import Path

import pytest

from app.services.changes import MOST_FILE_BYTES, apply, changes_of, left_out_of


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
        check=True,
        capture_output=True,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a project of two committed files."""
    folder = tmp_path / "there" / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text("a = 1\nb = 2\n")
    (folder / "project.toml").write_text('name = "p"\n')
    top = tmp_path / "there"
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        git(top, *words)
    return top


def test_changed_new_and_removed_files_come_back(root: Path, tmp_path: Path) -> None:
    folder = root / "projects" / "p"
    (folder / "features.py").write_text("a = 1\nb = 3\n")
    (folder / "new file ü.py").write_text("c = 4\n")
    (folder / "project.toml").unlink()

    patch = changes_of(root, folder).patch
    git(root, "worktree", "add", "--detach", "--quiet", str(tmp_path / "again"), "HEAD")

    assert apply(tmp_path / "again", patch) == ""
    again = tmp_path / "again" / "projects" / "p"
    assert (again / "features.py").read_text() == "a = 1\nb = 3\n"
    assert (again / "new file ü.py").read_text() == "c = 4\n"
    assert not (again / "project.toml").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (".env", b"A=1\n", "its name says secret"),
        ("server.pem", b"x\n", "its name says secret"),
        ("load.py", b'password = "hunter22"\n', "looks like a secret"),
        ("load.py", b'url = "postgresql://ana:s3cret@db/x"\n', "looks like a secret"),
        ("big.csv", b"1\n" * MOST_FILE_BYTES, "larger than 256 kB"),
        ("picture.bin", bytes(range(256)), "not text"),
    ],
    ids=["env", "pem", "password", "url", "big", "binary"],
)
def test_a_file_that_must_not_be_kept_is_named_and_not_kept(root: Path, name: str, content: bytes, reason: str) -> None:
    (root / "projects" / "p" / name).write_bytes(content)

    changes = changes_of(root, root / "projects" / "p")

    assert len(changes.left_out) == 1
    assert reason in changes.left_out[0]
    assert left_out_of(changes.patch) == changes.left_out
    assert content.strip()[:12] not in changes.patch


def test_a_patch_that_does_not_fit_says_so(root: Path) -> None:
    wrong = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"

    assert "x" in apply(root, wrong)
    assert apply(root, b"") == ""
