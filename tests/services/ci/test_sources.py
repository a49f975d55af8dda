"""The files of a commit come from git's objects, and from nowhere else."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from app.domain.errors import NotFound, Refused
from app.domain.workspace import Workspace
from app.services.ci import commit_of, files_of
from app.services.ci.bundles import manifest_of
from tests.services.ci.made import NAME, commit, git, write_homes


@pytest.fixture
def homes(workspace: Workspace, tmp_path: Path) -> Workspace:
    write_homes(workspace, tmp_path)
    return workspace


def test_the_working_tree_has_no_say(homes: Workspace) -> None:
    committed = homes.features_file(NAME).read_bytes()
    homes.features_file(NAME).write_text("raise SystemExit")

    files = files_of(homes, commit_of(homes).sha)

    assert files[f"projects/{NAME}/features.py"].content == committed
    assert not any(path.startswith((".trainmaster", f"projects/{NAME}/incoming")) for path in files)


def test_bytes_and_modes_are_those_of_the_commit(homes: Workspace) -> None:
    odd = homes.project_folder(NAME) / "tests" / "ein wort\n.bin"
    odd.write_bytes(b"\x00\r\n\xff")
    odd.chmod(0o755)
    sha = commit(homes, "odd")

    files = files_of(homes, sha)

    found = files[f"projects/{NAME}/tests/ein wort\n.bin"]
    assert (found.mode, found.content) == ("100755", b"\x00\r\n\xff")


def test_author_subject_and_branch_are_known(homes: Workspace) -> None:
    (homes.root / "note.md").write_text("x")
    sha = commit(homes, "a note \x1b[31m")

    found = commit_of(homes, sha[:10])

    assert (found.sha, found.author, found.branch) == (sha, "ana", "main")
    assert "\x1b" not in found.subject


def test_a_link_is_refused(homes: Workspace) -> None:
    (homes.root / "secrets").symlink_to("/etc/passwd")
    sha = commit(homes, "link")

    with pytest.raises(Refused, match="secrets is a link"):
        files_of(homes, sha)


@pytest.mark.parametrize("name", ["nosuch", "--all", "HEAD~9"])
def test_a_name_that_is_no_commit_is_refused(homes: Workspace, name: str) -> None:
    with pytest.raises(NotFound, match="no commit"):
        commit_of(homes, name)


def test_a_clone_of_a_bare_remote_has_the_same_files(homes: Workspace, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(homes.root), "remote.git")
    git(tmp_path, "clone", "--quiet", f"file://{tmp_path}/remote.git", "clone")

    here, there = commit_of(homes), commit_of(Workspace(tmp_path / "clone"))

    assert here.sha == there.sha
    assert files_of(homes, here.sha) == files_of(Workspace(tmp_path / "clone"), there.sha)


@pytest.mark.services
def test_what_is_pushed_to_a_git_server_and_pulled_elsewhere_is_the_same_bundle(
    homes: Workspace, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1", f"--port={port}"]
    server = subprocess.Popen(["git", "daemon", *options, f"--base-path={tmp_path}"], start_new_session=True)
    try:
        _wait_for(port)
        git(homes.root, "push", "--quiet", f"git://127.0.0.1:{port}/remote.git", "HEAD:main")
        git(tmp_path, "clone", "--quiet", f"git://127.0.0.1:{port}/remote.git", "clone")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)

    here, there = commit_of(homes), commit_of(Workspace(tmp_path / "clone"))
    mine, theirs = files_of(homes, here.sha), files_of(Workspace(tmp_path / "clone"), there.sha)
    assert manifest_of(mine, here.sha, "0" * 64) == manifest_of(theirs, there.sha, "0" * 64)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("git daemon does not listen")
