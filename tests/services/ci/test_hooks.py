"""CI is asked for by a git hook and by hosted CI, with the same command."""

from pathlib import Path

import pytest

from app.domain.errors import Refused
from app.domain.workspace import Workspace
from app.services.ci import install_hook, write_hosted
from app.store.engine import Store
from app.store.queries.runs import page_of_runs
from tests.services.ci.made import commit, git, write_homes


@pytest.fixture
def homes(workspace: Workspace, tmp_path: Path) -> Workspace:
    write_homes(workspace, tmp_path)
    return workspace


def test_a_commit_asks_for_a_run_when_the_hook_is_there(homes: Workspace, store: Store) -> None:
    hook = install_hook(homes)
    (homes.root / "note.md").write_text("x")

    sha = commit(homes, "a note")

    (row,) = page_of_runs(store.reader).rows
    assert hook.stat().st_mode & 0o111
    assert (row.flow, row.state, row.cause) == ("ci", "requested", "commit")
    assert git(homes.root, "rev-parse", "HEAD") == sha


def test_a_hook_of_somebody_else_is_left_alone(homes: Workspace) -> None:
    hook = homes.root / ".git" / "hooks" / "post-commit"
    hook.write_text("#!/bin/sh\necho theirs\n")

    with pytest.raises(Refused, match="post-commit hook already"):
        install_hook(homes)

    assert "theirs" in hook.read_text()


@pytest.mark.parametrize("host", ["github", "gitlab"])
def test_hosted_ci_calls_the_same_command(homes: Workspace, host: str) -> None:
    path = write_hosted(homes, host)

    assert "trainmaster ci run --all --here --json" in path.read_text()
    assert write_hosted(homes, host) == path
    path.write_text("mine")
    with pytest.raises(Refused, match="is there already"):
        write_hosted(homes, host)
