"""A new commit asks for one CI run of each project that it changed."""

from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.queries.runs import page_of_runs
from app.watcher.commits import Commits
from tests.services.ci.made import NAME, commit, write_homes


@pytest.fixture
def homes(workspace: Workspace, tmp_path: Path) -> Workspace:
    write_homes(workspace, tmp_path)
    return workspace


def change(workspace: Workspace, says: str) -> str:
    (workspace.project_folder(NAME) / "README.md").write_text(says)
    return commit(workspace, says)


def test_the_commit_that_was_there_before_is_let_be(homes: Workspace, store: Store) -> None:
    commits = Commits(homes, store)

    assert commits.turn() == commits.turn() == []


def test_a_new_commit_is_asked_for_once(homes: Workspace, store: Store) -> None:
    commits = Commits(homes, store)
    commits.turn()
    sha = change(homes, "one")

    asked = [*commits.turn(), *commits.turn(), *Commits(homes, store).turn()]

    (row,) = page_of_runs(store.reader).rows
    assert asked == [row.key]
    assert (row.flow, row.cause, row.cause_key) == ("ci", "commit", sha)


def test_a_commit_made_while_nobody_watched_is_found(homes: Workspace, store: Store) -> None:
    before = Commits(homes, store)
    before.turn()
    change(homes, "one")
    before.turn()
    change(homes, "two")

    assert len(Commits(homes, store).turn()) == 1


def test_a_commit_that_leaves_the_project_alone_asks_for_nothing(homes: Workspace, store: Store) -> None:
    commits = Commits(homes, store)
    commits.turn()
    change(homes, "one")
    commits.turn()
    (homes.root / "elsewhere.md").write_text("x")
    commit(homes, "elsewhere")

    assert commits.turn() == []


def test_it_can_be_turned_off(homes: Workspace, store: Store) -> None:
    homes.marker.write_text("[ci]\non_commit = false\n")
    commits = Commits(homes, store)
    commits.turn()
    change(homes, "one")

    assert commits.turn() == []
