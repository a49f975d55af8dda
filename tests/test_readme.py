"""The README's commands, in order, as a newcomer runs them; between them, that all doors tell the same story.

One real workspace: real flights, the real Prefect server, worker, gateway and watcher, no terminal attached. What runs
is the wheel: nothing of the checkout is imported.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.domain.workspace import Workspace
from app.services.workspaces import open_reader
from app.store.reader import Row

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
OURS = ("TRAINMASTER_", "PREFECT_", "PYTHON")


def environment_of(installed: Path) -> dict[str, str]:
    """A newcomer's environment, in which the wheel's packages come before the checkout's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | {"PYTHONPATH": str(installed)}


class Shell:
    """One bash that keeps its folder and environment between commands."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.workspace = Workspace(folder / "flight-demo")
        self.said = folder / "stderr.txt"
        self._errors = self.said.open("w")
        self._process = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env=environment_of(installed), text=True, bufsize=1,
        )  # fmt: skip

    def rows(self, sql: str) -> list[Row]:
        """Rows of the store: asking many times a second disturbs nobody, as commands would."""
        with open_reader(self.workspace) as reader:
            return reader.rows(sql)

    def stages(self) -> dict[int, str]:
        """The stage of each version of the flights' model."""
        sql = "SELECT v.version, v.stage FROM model_version v JOIN model m ON m.id = v.model_id"
        return {row["version"]: row["stage"] for row in self.rows(f"{sql} WHERE m.name = 'flight-delay'")}

    def run(self, command: str) -> str:
        """What a command printed; fails the test when it did not exit 0."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{{ {command.strip()}\n}} </dev/null; code=$?; echo; echo @@ended $code\n")
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith("@@ended"):
                code = int(line.split()[1])
                assert code == 0, f"{command}\n{''.join(lines)}\n{self.said.read_text()[-3000:]}"
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}\n{self.said.read_text()[-3000:]}")

    def json(self, command: str) -> Any:
        """The JSON that a command printed."""
        return json.loads(self.run(command))

    def close(self) -> None:
        """End the shell."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


class Terminal:
    """The control room in a real terminal (tmux, 120x36)."""

    def __init__(self, name: str, folder: str, installed: Path) -> None:
        self._tmux = ["tmux", "-L", f"{name}-{os.getpid()}"]
        command = [
            *self._tmux,
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "36",
            "-c",
            folder,
            sys.executable,
            "-m",
            "app.main",
        ]
        subprocess.run(command, check=True, env=environment_of(installed))

    def press(self, *keys: str) -> None:
        """Type keys or text, with the pauses of a quick person."""
        for key in keys:
            subprocess.run([*self._tmux, "send-keys", key], check=True)
            time.sleep(0.4)

    def screen(self) -> str:
        """What the terminal shows now."""
        return subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False).stdout

    def shows(self, text: str) -> bool:
        """Whether a text appears within a minute: the machine is shared."""
        return bool(eventually(lambda: text in self.screen(), 60))

    def ended(self) -> bool:
        """Whether the program has ended and the terminal with it."""
        return subprocess.run([*self._tmux, "has-session"], capture_output=True, check=False).returncode != 0

    def close(self) -> None:
        """End the terminal."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    opened = Shell(folder, installed)
    yield opened
    opened.run("cd / && trainmaster down --workspace " + str(folder / "flight-demo"))
    opened.close()


def eventually(ask: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def runs_still(pid: int) -> bool:
    """Whether a process lives; one that has ended and waits for its parent to look does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_make_demo_ends_with_a_production_version_in_under_three_minutes(shell: Shell, installed: Path) -> None:
    wanted = subprocess.run(["make", "-n", BLOCKS[0].split()[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/trainmaster demo flight-demo" in wanted.stdout
    assert str(installed) in shell.run(".venv/bin/python -P -c 'import app; print(app.__file__)'")
    begun = time.monotonic()

    printed = shell.run(".venv/bin/trainmaster demo flight-demo")

    assert time.monotonic() - begun < 180
    assert re.search(r"^auc +0\.7[0-9]+$", printed, re.M)
    assert re.search(r"^stage +production$", printed, re.M)
    assert {"ingest", "features", "train", "promote", "predict"} <= {
        line.split()[0] for line in printed.splitlines() if line
    }


def test_what_it_made_agrees_at_every_door(shell: Shell) -> None:
    shell.run(BLOCKS[1])
    for command in BLOCKS[2].strip().splitlines():
        assert shell.run(command).strip(), command

    versions = shell.json("trainmaster models ls --json")
    lineage = shell.json("trainmaster lineage model:flight-delay@production --json")
    snapshots = shell.json("trainmaster data snapshots --json")
    commit = shell.run("git rev-parse HEAD").strip()

    assert [(v["model"], v["version"], v["stage"]) for v in versions] == [("flight-delay", 1, "production")]
    assert 0.70 <= versions[0]["metrics"]["auc"] <= 0.80
    nodes = {node["id"]: node for node in lineage["nodes"]}
    assert nodes["model:flight-delay/1"]["digest"] == versions[0]["digest"]
    assert f"commit:{commit}" in nodes
    digests = {node["digest"] for node in nodes.values() if node["kind"] == "snapshot"}
    assert digests == {snapshot["digest"] for snapshot in snapshots}
    assert len(digests) == 7
    checked = shell.json("trainmaster store fsck --json")
    assert (checked["ok"], checked["problems"]) == (True, [])
    assert {row["state"] for row in shell.json("trainmaster status --json")} == {"up"}


def test_cancelled_flights_are_in_quarantine_and_the_books_balance(shell: Shell) -> None:
    counts = shell.json("trainmaster data quarantine --json")
    snapshots = shell.json("trainmaster data snapshots --json")

    assert all(one["rows_in"] == one["rows"] + one["quarantined"] for one in snapshots)
    assert sum(one["rows_in"] for one in snapshots if one["source"] == "flights") == 27_004 + 24_951 + 28_834
    assert sum(one["rows"] for one in counts) == sum(one["quarantined"] for one in snapshots)
    assert any("cancelled" in one["example"] for one in counts)


def test_the_gateway_answers_behind_its_token(shell: Shell) -> None:
    answer = json.loads(shell.run(BLOCKS[3]))

    assert answer["version"] == 1
    assert 0 < answer["predictions"][0] < 1


def test_a_closer_look_shows_profile_features_reasons_and_a_card(shell: Shell) -> None:
    told = shell.run(BLOCKS[4])

    assert "0 differences" in told
    shell.run("test -s card.html")


def test_a_commit_is_checked_and_delivered(shell: Shell) -> None:
    shell.run(BLOCKS[5])

    (verdict,) = shell.json("trainmaster ci ls --json")
    assert (verdict["verdict"], len(verdict["bundle"])) == ("green", 64)


def test_april_brings_an_alert_and_a_retrain_that_the_alert_started(shell: Shell) -> None:
    shell.run(BLOCKS[6])

    trained = "SELECT key FROM run WHERE flow = 'train' AND cause = 'alert' AND state = 'completed'"
    eventually(lambda: shell.rows(trained), 240)

    runs = shell.json("trainmaster runs ls --flow train --json")
    found = [run for run in runs if run["cause"].startswith("alert:") and run["state"] == "completed"]

    assert len(found) == 1, shell.run("trainmaster runs ls")
    alerts = {alert["alert"]: alert for alert in shell.json("trainmaster alerts ls --json")}
    cause = alerts[found[0]["cause"].removeprefix("alert:")]
    assert (cause["signal"], cause["severity"], cause["state"]) == ("auc", "critical", "open")
    versions = {v["version"]: v for v in shell.json("trainmaster models ls --json")}
    assert (versions[1]["stage"], versions[2]["stage"]) == ("production", "staging")
    assert versions[2]["run"] == found[0]["run"]
    for command in BLOCKS[7].strip().splitlines():
        assert shell.run(command).strip(), command


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: .ci/packages installs it")
def test_a_version_is_promoted_and_taken_back_from_the_keyboard_in_a_terminal(shell: Shell, installed: Path) -> None:
    terminal = Terminal("trainmaster-test", shell.run("pwd").strip(), installed)

    try:
        assert terminal.shows("Needs you"), terminal.screen()
        terminal.press("5")
        assert terminal.shows("Versions of flight-delay"), terminal.screen()
        terminal.press("p")
        assert terminal.shows("Type the model name to confirm"), terminal.screen()
        terminal.press("Tab", "sees the spring", "Tab", "flight-delay", "Tab", "Enter")
        assert terminal.shows("once it serves"), terminal.screen()
        promoted = eventually(lambda: shell.stages() == {1: "archived", 2: "production"}, 120)
        assert promoted, terminal.screen()
        terminal.press("z")
        assert terminal.shows("Undo the promotion of flight-delay v2"), terminal.screen()
        terminal.press("y")
        returned = eventually(lambda: shell.stages()[1] == "production", 120)
        assert returned, terminal.screen()
        terminal.press("q")
        assert eventually(terminal.ended, 20), terminal.screen()
    finally:
        terminal.close()


def test_a_version_is_promoted_and_taken_back_from_the_shell(shell: Shell) -> None:
    promote, rollback, listing, verify = BLOCKS[8].strip().splitlines()
    before = shell.run(BLOCKS[3])

    shell.run(promote)
    promoted = {v["version"]: v["stage"] for v in shell.json("trainmaster models ls --json")}
    shell.run(rollback)
    returned = {v["version"]: v["stage"] for v in shell.json("trainmaster models ls --json")}

    assert promoted == {1: "archived", 2: "production"}
    assert returned[1] == "production"
    assert "sees the spring" in shell.run(listing)
    assert "whole" in shell.run(verify)
    old = json.loads(before)["predictions"]
    assert eventually(lambda: json.loads(shell.run(BLOCKS[3]))["predictions"] == old, 10)


def test_own_data_becomes_a_model(shell: Shell) -> None:
    shell.run(BLOCKS[9])

    wine = [v for v in shell.json("trainmaster models ls --json") if v["model"] == "wine"]
    assert wine[0]["metrics"]["accuracy"] > 0.8


def test_plain_prefect_runs_a_deployment_and_no_server_is_needed_either(shell: Shell) -> None:
    shell.run(BLOCKS[10])
    shell.run(BLOCKS[11])

    trained = "SELECT r.id FROM run r JOIN project p ON p.id = r.project_id WHERE p.name = 'flight-delay' "
    trained += "AND r.flow = 'train' AND r.state = 'completed'"
    assert eventually(lambda: len(shell.rows(trained)) >= 4, 120), shell.run("trainmaster runs ls")


def test_down_leaves_no_process_and_a_sound_store(shell: Shell) -> None:
    pids = [row["pid"] for row in shell.json("trainmaster status --json")]

    shell.run(BLOCKS[12])

    assert len(BLOCKS) == 13
    assert not any(runs_still(pid) for pid in pids if pid)
    assert shell.json("trainmaster store fsck --json")["ok"] is True
    assert shell.json("trainmaster audit verify --json")["ok"] is True
