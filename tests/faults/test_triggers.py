"""Each trigger of a retrain once, with real services and commands in a shell; a storm is one; silence is an alarm."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.workspace import Workspace
from tests.monthly import FEATURES, PROJECT, PROJECT_TOML, Month, bring, write_project
from tests.watcher.stopping import stop_between_writes

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]
MANY, HEARTBEAT_S = 100, 10
WIDE = FEATURES.replace(
    'return rows[["id", "x", "colour"]]',
    f'return rows[["id", "x", "colour"]].assign(**{{f"f{{at}}": rows["x"] + at for at in range({MANY})}})',
)
STORM = ", ".join(f'"psi.f{at}"' for at in range(MANY))


class Shell:
    """A workspace, and the command line in processes of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRAINMASTER_", "PREFECT_"))}
        self.environment = {**kept, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(Path(__file__).parents[2])}

    def tm(self, *words: str) -> Any:
        """What a command prints as JSON."""
        return self._told("app.main", *words)

    def flow(self, name: str, *words: str) -> Any:
        """What a flow's body prints, run without services."""
        return self._told(f"flows.{name}", f"--project={PROJECT}", "--quiet", *words)

    def _told(self, module: str, *words: str) -> Any:
        ran = subprocess.run(
            [sys.executable, "-m", module, *words, "--json"],
            cwd=self.workspace.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    def rules(self, feedback: str) -> None:
        """Another `[feedback]` of the project."""
        before = PROJECT_TOML.partition("[feedback]")[0]
        always = "cool_down_hours = 0\nminimum_new_labels = 0\nbreaker_after = 50\n"
        path = self.workspace.project_folder(PROJECT) / "project.toml"
        path.with_suffix(".part").write_text(f"{before}[feedback]\n{feedback}\n{always}")
        path.with_suffix(".part").rename(path)

    def trained(self) -> list[dict[str, Any]]:
        """The runs of the train flow, newest first; all of them have ended."""

        def runs() -> list[dict[str, Any]]:
            return list(self.tm("runs", "ls", "--flow", "train"))

        until(lambda: all(run["state"] in ("completed", "failed", "crashed", "cancelled") for run in runs()))
        return runs()

    def one_more(self, before: list[dict[str, Any]]) -> dict[str, Any]:
        """The one training run that came since; nothing else is under way when it is given."""
        until(lambda: len(self.tm("runs", "ls", "--flow", "train")) > len(before))
        until(lambda: not [run for run in self.tm("runs", "ls") if run["finished_at"] is None])
        (run,) = self.trained()[: -len(before)]
        assert run["state"] == "completed", run
        return run


def until(condition: Callable[[], object], limit_s: float = 240) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(1)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A project of a hundred features with a version in production; its services are up."""
    workspace = write_project(tmp_path_factory.mktemp("triggers") / "workspace")
    (workspace.project_folder(PROJECT) / "features.py").write_text(WIDE)
    workspace.marker.write_text(f"[alerts.health]\nheartbeat_s = {HEARTBEAT_S}\n")
    made = Shell(workspace)
    for number in (1, 2, 3):
        bring(workspace, Month(number))
    made.flow("pipeline", "--set=promote=true")
    made.tm("up")
    try:
        yield made
    finally:
        made.tm("down")


@pytest.mark.parametrize(
    ("rules", "month", "trigger", "cause"),
    [
        ("every_days = 0.0005", Month(4), "schedule", "schedule"),
        (f"retrain_on = [{STORM}]", Month(5, shift=2.0), "alert", "alert"),
        ('retrain_on = ["estimated.auc"]', Month(6, width=0.05, labelled=False), "alert", "alert"),
        ('retrain_on = ["auc"]', Month(7, meaning=0.1), "alert", "alert"),
        ("growth = 0.01", Month(8), "growth", "new_data"),
        ("", None, "hand", "person"),
    ],
    ids=["schedule", "a storm of drift", "estimated quality", "realised quality", "new data", "by hand"],
)
def test_a_trigger_starts_one_retrain_that_records_its_cause(
    shell: Shell, rules: str, month: Month | None, trigger: str, cause: str
) -> None:
    before = shell.trained()
    shell.rules(rules)

    if month is None:
        shell.tm("feedback", "retrain", "--reason", "a person says so")
    else:
        bring(shell.workspace, month)
    run = shell.one_more(before)
    shell.rules("")

    decisions = shell.tm("feedback", "decisions", "--limit", "1000")
    (yes,) = [one for one in decisions if one["run"] == run["run"]]
    assert yes["trigger"] == trigger
    assert yes["reason"]
    assert run["cause"].partition(":")[0] == cause
    if trigger == "alert":
        assert run["cause"] == f"alert:{yes['alert']}"
        items = shell.tm("feedback", "ls", "--alert", yes["alert"])
        assert {one["receiver"] for one in items} == {"experiment", "data_engineering", "scheduler"}
    if rules == f"retrain_on = [{STORM}]":
        storm = {one["alert"]: one for one in shell.tm("alerts", "ls", "--all", "--limit", "1000")}
        storm = {key: one for key, one in storm.items() if one["signal"].startswith("psi.f")}
        asked = [one for one in decisions if one["alert"] in storm]
        minutes = sorted(one["opened_at"][:16] for one in storm.values())
        assert len(storm) == len(asked) == MANY
        assert minutes[0] == minutes[-1]
        assert [one["retrain"] for one in asked].count(True) == 1
        assert all(one["reason"] for one in asked)


def test_a_monitor_that_is_stopped_is_a_stale_alarm_that_ends_when_it_goes_on(shell: Shell) -> None:
    (watcher,) = [one for one in shell.tm("status") if one["service"] == "watcher"]
    stop_between_writes(watcher["pid"], shell.workspace)

    def alarm(state: str) -> list[dict[str, Any]]:
        found = shell.tm("alerts", "ls", "--all")
        return [one for one in found if one["signal"] == "heartbeat.watcher" and one["state"] == state]

    try:
        until(lambda: alarm("open"), 120)
    finally:
        os.kill(watcher["pid"], signal.SIGCONT)

    until(lambda: alarm("resolved"), 120)
