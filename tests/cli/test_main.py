"""Commands keep their promises: exit codes, JSON on stdout, errors with a next step on stderr."""

import json
from pathlib import Path

import pytest

from app.cli.main import COMMANDS, run
from app.domain.workspace import Workspace
from app.store.engine import Store


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        run(list(arguments))
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def inside(workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(workspace.root)
    monkeypatch.delenv("TRAINMASTER_WORKSPACE", raising=False)
    return workspace


@pytest.mark.parametrize(
    "command",
    [
        ("models", "ls"), ("runs", "ls"), ("data", "ls"), ("data", "quarantine"), ("features", "ls"), ("alerts", "ls"),
        ("audit", "ls"), ("audit", "verify"), ("store", "fsck"), ("status",),
    ],
)  # fmt: skip
def test_a_fresh_workspace_answers_every_list_with_json(
    inside: Workspace, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    code, out, err = outcome(capsys, *command, "--json")

    assert (code, err) == (0, "")
    json.loads(out)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, name, "--help")

    assert code == 0
    assert out.startswith("Usage: trainmaster")


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = outcome(capsys, "model")

    assert code == 2
    assert "models" in err


def test_no_workspace_is_one_message_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAINMASTER_WORKSPACE", raising=False)

    code, out, err = outcome(capsys, "models", "ls")

    assert (code, out) == (1, "")
    assert err.splitlines()[0].startswith("error: no trainmaster.toml")
    assert "next: trainmaster demo DIR" in err


def test_an_error_is_json_when_json_was_asked_for(
    inside: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["trainmaster", "models", "show", "nothing", "--json"])

    code, _, err = outcome(capsys, "models", "show", "nothing", "--json")

    assert code == 1
    assert json.loads(err)["next_step"] == "trainmaster models ls"


def test_a_workspace_can_be_named_before_or_after_the_command(
    workspace: Workspace,
    store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINMASTER_WORKSPACE", "")

    after, _, _ = outcome(capsys, "models", "ls", "--json", "--workspace", str(workspace.root))
    before, _, _ = outcome(capsys, "--workspace", str(workspace.root), "models", "ls", "--json")

    assert (before, after) == (0, 0)


def test_a_hostile_name_is_shown_and_not_obeyed(inside: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = outcome(capsys, "models", "show", "\x1b]52;c;aGk=\a[/x]")

    assert code == 1
    assert "\x1b" not in err
    assert "[/x]" in err
