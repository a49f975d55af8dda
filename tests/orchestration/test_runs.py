"""A request becomes a run, whatever door it comes in by and whatever dies on the way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from app.domain.errors import Refused
from app.domain.states import CauseKind
from app.orchestration import events
from app.services import infrastructure, runs
from app.store.queries.runs import run_detail, tasks_of
from tests.live import Live

pytestmark = pytest.mark.services
PATIENCE_S = 90.0


def test_a_request_runs_to_its_end_and_every_task_has_a_row(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"seconds": 0.3})

    told: list[str] = []
    row = runs.wait_for(live.store, key, lambda r: told.append(r.task or r.state), timeout_s=PATIENCE_S)

    assert (row.state, row.stages, row.stages_done, row.error) == ("completed", 2, 2, "")
    assert [(task.name, task.state) for task in tasks_of(live.store.reader, key)] == [
        ("count", "completed"),
        ("judge", "completed"),
    ]
    assert "count" in told
    assert eventually(lambda: prefect_state(live, key) == "COMPLETED")


def test_a_refusal_fails_the_run_with_its_words_and_its_next_step(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"refuse": True})

    row = runs.wait_for(live.store, key, timeout_s=PATIENCE_S)

    assert (row.state, row.error, row.next_step) == ("failed", "the test said no", "trainmaster runs ls")
    assert eventually(lambda: prefect_state(live, key) == "FAILED")


def test_a_stage_with_retries_is_tried_again(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"fail_once": True})

    row = runs.wait_for(live.store, key, timeout_s=PATIENCE_S)

    states = [task.state for task in tasks_of(live.store.reader, key)]
    assert (row.state, states) == ("completed", ["completed", "failed", "completed"])


def test_a_cancelled_run_ends_here_and_in_prefect_and_its_process_is_gone(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"seconds": 60})
    assert eventually(lambda: runs.row_of(live.store, key).task == "count")
    pid = pid_of(live, key)

    runs.cancel(live.store, live.workspace, key)

    assert runs.row_of(live.store, key).state == "cancelled"
    assert eventually(lambda: not is_alive(pid))
    assert eventually(lambda: prefect_state(live, key) == "CANCELLED")
    with pytest.raises(Refused):
        runs.cancel(live.store, live.workspace, key)


def test_the_same_request_is_never_submitted_twice(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny")
    first = run_detail(live.store.reader, key).prefect_id
    runs.wait_for(live.store, key, timeout_s=PATIENCE_S)

    again = runs.submit_waiting(live.store, live.workspace)

    assert first is not None
    assert again == 0
    with live.orchestrator() as orchestrator:
        found = orchestrator.post("flow_runs/filter", {"flow_runs": {"name": {"any_": [key]}}})
    assert len(found) == 1


def test_plain_prefect_starts_a_deployment(live: Live) -> None:
    before = len(live.store.reader.rows("SELECT id FROM run WHERE flow = 'tiny' AND cause_key = 'by hand'"))
    environment = os.environ | infrastructure.client_environment(live.workspace)

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "run", "tiny/demo", "--param", 'cause_key="by hand"'],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    sql = "SELECT state FROM run WHERE flow = 'tiny' AND cause_key = 'by hand'"
    assert eventually(lambda: [row["state"] for row in live.store.reader.rows(sql)][before:] == ["completed"])


def test_with_prefect_api_url_a_module_is_a_flow_run_of_that_server(live: Live) -> None:
    environment = infrastructure.importable(os.environ | infrastructure.client_environment(live.workspace))

    done = subprocess.run(
        [sys.executable, "-m", "tests.orchestration.tiny", "--project", "demo", "--cause-key", "own server"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = live.store.reader.rows("SELECT key, state, prefect_id FROM run WHERE cause_key = 'own server'")
    assert [row["state"] for row in found] == ["completed"]
    assert eventually(lambda: prefect_state(live, found[0]["key"]) == "COMPLETED")


def test_an_event_starts_a_retrain_run_that_names_its_alert(live: Live) -> None:
    payload = {"project": "demo", "decision": "0123456789ab", "alert": "ba9876543210", "cause": "alert"}
    payload["cause_key"] = payload["alert"]

    events.emit(live.workspace, events.RETRAIN_WANTED, events.project_resource("demo"), payload)

    sql = "SELECT state, cause, error, parameters FROM run WHERE flow = 'train' AND cause_key = 'ba9876543210'"
    assert eventually(lambda: [row["state"] for row in live.store.reader.rows(sql)] == ["failed"])
    found = live.store.reader.rows(sql)[0]
    assert found["cause"] == CauseKind.ALERT
    assert "0123456789ab" in found["error"], "a decision that nobody took is refused"


def test_kill_9_of_a_flow_leaves_a_crashed_run_here_and_in_prefect(live: Live) -> None:
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"seconds": 60})
    assert eventually(lambda: runs.row_of(live.store, key).task == "count")

    os.kill(pid_of(live, key), signal.SIGKILL)

    row = runs.wait_for(live.store, key, timeout_s=30)
    assert row.state == "crashed"
    assert tasks_of(live.store.reader, key)[0].state == "crashed"
    assert eventually(lambda: prefect_state(live, key) == "CRASHED")


def prefect_state(live: Live, key: str) -> str:
    """The state that Prefect gives to a run."""
    with live.orchestrator() as orchestrator:
        return orchestrator.state_of(str(run_detail(live.store.reader, key).prefect_id))[0]


def pid_of(live: Live, key: str) -> int:
    """The process that holds a run's lease."""
    return int(live.store.reader.value("SELECT pid FROM lease WHERE kind = 'run' AND key = :key", {"key": key}))


def is_alive(pid: int) -> bool:
    """Whether a process with this pid runs; one that has ended and whose end nobody has asked for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Whether something comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.2)
    return holds()


__all__ = ["eventually", "is_alive", "pid_of", "prefect_state"]
