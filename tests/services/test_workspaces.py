"""A workspace is found, made and kept private."""

import stat
from pathlib import Path

import pytest

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.workspace import Workspace
from app.services.workspaces import (
    find_workspace,
    make_workspace,
    open_project,
    open_store,
    project_names,
    store_url,
)
from app.tui.settings import read_settings
from tests.domain.test_project import GOOD


def test_the_state_folder_and_the_token_are_for_the_owner_alone(workspace: Workspace) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (workspace.state, workspace.token_file)}

    assert modes == {".trainmaster": 0o700, "token": 0o600}
    assert len(workspace.token_file.read_text().strip()) >= 32


def test_making_a_workspace_again_keeps_its_token_and_its_ignore_file(workspace: Workspace) -> None:
    token, ignore = workspace.token_file.read_text(), (workspace.root / ".gitignore").read_text()

    make_workspace(workspace.root)

    assert workspace.token_file.read_text() == token
    assert (workspace.root / ".gitignore").read_text() == ignore


def test_the_store_file_is_for_the_owner_alone(workspace: Workspace) -> None:
    workspace.store_file.unlink()

    with open_store(workspace):
        pass

    assert stat.S_IMODE(workspace.store_file.stat().st_mode) == 0o600


def test_the_nearest_workspace_upward_is_found(workspace: Workspace) -> None:
    inside = workspace.root / "projects" / "x" / "deep"
    inside.mkdir(parents=True)

    assert find_workspace(inside, environment={}) == workspace


def test_a_named_workspace_wins_over_the_environment(workspace: Workspace, tmp_path: Path) -> None:
    other = make_workspace(tmp_path / "other")

    found = find_workspace(tmp_path, named=workspace.root, environment={"TRAINMASTER_WORKSPACE": str(other.root)})

    assert found == workspace


def test_no_workspace_says_which_command_makes_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        find_workspace(tmp_path, environment={})

    assert "trainmaster init" in (caught.value.next_step or "")


def test_a_file_in_the_place_of_a_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(Refused):
        make_workspace(tmp_path / "file")


def test_a_project_that_does_not_have_its_folders_name_is_refused(workspace: Workspace) -> None:
    folder = workspace.project_folder("other")
    folder.mkdir(parents=True)
    (folder / "project.toml").write_text(GOOD)

    with pytest.raises(Refused, match="named 'demo'"):
        open_project(workspace, "other")


def test_projects_are_listed_and_a_broken_one_names_its_file(workspace: Workspace) -> None:
    for name in ("b", "a"):
        workspace.project_folder(name).mkdir(parents=True)
        workspace.project_file(name).write_text("name = ")

    assert project_names(workspace) == ["a", "b"]
    with pytest.raises(BadInput) as caught:
        open_project(workspace, "a")
    assert caught.value.where == "projects/a/project.toml"


def test_the_url_of_the_store_takes_its_secrets_from_the_environment_or_the_private_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.marker.write_text('[store]\nurl = "postgresql+psycopg://ana:${STORE_PW}@db/shop"\n')
    with pytest.raises(Refused, match="the secret STORE_PW is not set") as refused:
        store_url(workspace)
    workspace.secrets_file.touch(mode=0o600)
    workspace.secrets_file.write_text("STORE_PW=p/w\n")
    kept = store_url(workspace)
    monkeypatch.setenv("STORE_PW", "other")

    assert kept == "postgresql+psycopg://ana:p%2Fw@db/shop"
    assert store_url(workspace) == read_settings(workspace).store_url == "postgresql+psycopg://ana:other@db/shop"
    assert str(workspace.secrets_file) in (refused.value.next_step or "")
    assert "trainmaster.toml" in (refused.value.where or "")


def test_a_store_whose_whole_url_is_a_secret_opens(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.marker.write_text('[store]\nurl = "${WHERE}"\n')
    monkeypatch.setenv("WHERE", f"sqlite:///{tmp_path / 'other.db'}")

    with open_store(workspace) as store:
        assert store.file == tmp_path / "other.db"
