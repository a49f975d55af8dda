"""Roles at the command line: `[people]` decides, the actor is who the environment or `--as` says."""

import json

import pytest

from app.cli.main import run
from app.domain.workspace import Workspace
from app.store.engine import Store

PEOPLE = '[people]\nana = "R3"\nben = ["R1", "R6"]\n'


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    with pytest.raises(SystemExit) as end:
        run(list(words))
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


def test_a_data_scientist_may_not_promote_and_is_told_who_may(
    store: Store, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.marker.write_text(PEOPLE)
    monkeypatch.setenv("TRAINMASTER_ACTOR", "ana")
    place = ("--workspace", str(workspace.root))

    code, says = told(capsys, "models", "promote", "late", "1", *place)
    other, other_says = told(capsys, "--as", "ben", "models", "promote", "late", "1", *place)

    assert (code, other) == (1, 1)
    assert "needs R6" in says
    assert "next: trainmaster people" in says
    assert "there is no version 1" in other_says


def test_somebody_who_is_not_named_may_look_and_no_more(
    store: Store, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.marker.write_text(PEOPLE)
    monkeypatch.setenv("TRAINMASTER_ACTOR", "carl")
    place = ("--workspace", str(workspace.root))

    looked, _ = told(capsys, "models", "ls", *place)
    refused, says = told(capsys, "models", "approve", "late", "1", *place)

    assert looked == 0
    assert refused == 1
    assert "carl has no role" in says


def test_where_nobody_is_named_everybody_may_do_everything(
    store: Store, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINMASTER_ACTOR", "ana")

    code, says = told(capsys, "people", "--workspace", str(workspace.root), "--json")

    assert code == 0
    (row,) = json.loads(says)
    assert row["roles"] == ["R7"]
    assert "promote" in row["may"]


def test_a_role_that_is_none_is_named(
    store: Store, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.marker.write_text('[people]\nana = "boss"\n')

    code, says = told(capsys, "people", "--workspace", str(workspace.root))

    assert code == 1
    assert "choose from R1 to R7" in says
