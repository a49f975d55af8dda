"""A flow without any server: the same rows, an exit code, progress on stderr, a summary on stdout."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from app.domain.errors import NotFound
from app.domain.states import CauseKind
from app.domain.workspace import Workspace
from app.services import runs
from app.store.engine import Store
from app.store.queries.runs import tasks_of
from flows.command import run_command
from tests.orchestration.projects import add_project
from tests.orchestration.tiny import tiny

TINY = "tests.orchestration.tiny"
Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(workspace: Workspace) -> Workspace:
    """A workspace with the project `demo`."""
    add_project(workspace)
    return workspace


@pytest.fixture
def here(place: Workspace, capfd: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """Runs the tests' flow as its module does, in this process: its exit code, its stdout, its stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run_command(tiny, ["--workspace", str(place.root), *arguments])
        return code, *capfd.readouterr()

    alone = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    with patch.dict(os.environ, alone, clear=True):
        yield call


def test_a_module_runs_alone_and_prints_its_summary(place: Workspace, store: Store) -> None:
    done = module(place, "--project", "demo", "--set", "seconds=0.2", "--json")

    summary = json.loads(done.stdout)
    assert (done.returncode, summary["flow"], summary["steps"]) == (0, "tiny", 4)
    assert "[1/2] count: completed" in done.stderr
    assert "[2/2] judge: completed" in done.stderr
    assert [task.state for task in tasks_of(store.reader, summary["run"])] == ["completed", "completed"]


def test_it_starts_no_server_and_does_not_even_import_prefect(place: Workspace) -> None:
    code = (
        f"import sys; sys.argv = ['tiny', '--project', 'demo', '--quiet', '--workspace', {str(place.root)!r}]\n"
        f"from {TINY} import tiny\nfrom flows.command import run_command\n"
        "assert run_command(tiny, sys.argv[1:]) == 0\nassert 'prefect' not in sys.modules\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_refusal_ends_with_1_its_words_and_its_next_step(here: Here, store: Store) -> None:
    code, out, _ = here("--project", "demo", "--parameters", '{"refuse": true, "seconds": 0}', "--json")

    assert code == 1
    assert json.loads(out) == {
        "error": "the test said no",
        "where": None,
        "next_step": "trainmaster runs ls",
    }
    assert store.reader.value("SELECT error FROM run") == "the test said no"
    assert [row["state"] for row in store.reader.rows("SELECT state FROM task ORDER BY id")] == ["completed", "failed"]


def test_an_error_is_tried_again_as_often_as_the_stage_says(here: Here, store: Store) -> None:
    code, _, _ = here("--project", "demo", "--set", "fail_once=true")

    states = [row["state"] for row in store.reader.rows("SELECT state FROM task ORDER BY id")]
    assert (code, states) == (0, ["completed", "failed", "completed"])


@pytest.mark.parametrize(
    "arguments",
    [["--parameters", "{"], ["--parameters", "[1]"], ["--set", "novalue"]],
)
def test_wrong_parameters_are_usage_errors(here: Here, arguments: list[str]) -> None:
    code, _, err = here("--project", "demo", *arguments)

    assert code == 2
    assert "next:" in err


def test_a_hostile_name_reaches_the_terminal_as_plain_text(here: Here) -> None:
    code, out, err = here("--project", "\x1b]52;c;aGk=\a[/x]")

    assert code == 1
    assert "\x1b" not in err + out
    assert "\a" not in err + out


def test_a_requested_run_whose_project_is_broken_ends_as_failed(place: Workspace, store: Store) -> None:
    key = runs.request(store, place, "demo", "tiny")
    place.project_file("demo").write_text("name = 7\n")

    done = module(place, "--project", "demo", "--run", key)

    row = runs.row_of(store, key)
    assert (done.returncode, row.state) == (1, "failed")
    assert "projects/demo/project.toml" in row.error


def test_a_request_waits_when_the_orchestrator_is_down_and_can_be_cancelled(place: Workspace, store: Store) -> None:
    key = runs.request(store, place, "demo", "tiny", cause=CauseKind.NEW_DATA, cause_key="a.csv")

    waits = runs.row_of(store, key)
    runs.cancel(store, place, key, reason="not needed")

    assert (waits.state, waits.next_step, waits.cause_key) == ("requested", "trainmaster up", "a.csv")
    assert runs.row_of(store, key).error == "not needed"
    with pytest.raises(NotFound):
        runs.request(store, place, "nobody", "tiny")


def test_run_here_needs_no_services_and_tells_how_far_it_is(place: Workspace, store: Store) -> None:
    told: list[str | None] = []

    key = runs.run_here(store, place, "demo", "tiny", {"seconds": 0.5}, lambda row: told.append(row.task), module=TINY)

    assert runs.row_of(store, key).state == "completed"
    assert "count" in told


def test_run_here_says_crashed_when_the_child_dies(place: Workspace, store: Store) -> None:
    key = runs.run_here(store, place, "demo", "tiny", {}, lambda _: None, module="tests.orchestration.absent")

    row = runs.row_of(store, key)
    assert row.state == "crashed"
    assert "No module named" in row.error


def module(place: Workspace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the test's flow as a module."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
    return subprocess.run(
        [sys.executable, "-m", TINY, "--workspace", str(place.root), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=place.root,
    )
