"""Services come up once, heal when killed, and leave nothing when they go down."""

import os
import signal
import threading
import time

import psutil
import pytest

from app.domain.states import ServiceState
from app.services import infrastructure, runs
from app.services.infrastructure import Waiting
from tests.live import Live
from tests.orchestration.test_runs import PATIENCE_S, eventually, is_alive, pid_of

pytestmark = pytest.mark.services


def test_a_second_up_joins_the_first(live: Live) -> None:
    before = {found.service: found.pid for found in infrastructure.status(live.store)}
    told: list[Waiting] = []

    found = infrastructure.up(live.workspace, told.append, timeout_s=PATIENCE_S)

    assert {one.service: one.pid for one in found} == before
    assert all(one.state is ServiceState.UP for one in found)
    assert told[-1].share == 1.0


@pytest.mark.parametrize("name", ["gateway", "watcher", "orchestrator", "worker"])
def test_a_killed_service_comes_back_and_runs_go_on(live: Live, name: str) -> None:
    infrastructure.up(live.workspace, timeout_s=PATIENCE_S)
    victim = infrastructure.process_of(live.store, name)
    assert victim is not None

    os.kill(victim.pid, signal.SIGKILL)

    assert eventually(lambda: is_up_again(live, name, victim.pid))
    assert not is_alive(victim.pid)
    key = runs.request(live.store, live.workspace, "demo", "tiny")
    assert runs.wait_for(live.store, key, timeout_s=PATIENCE_S).state == "completed"


def test_work_goes_on_while_worker_and_server_die(live: Live) -> None:
    infrastructure.up(live.workspace, timeout_s=PATIENCE_S)
    key = runs.request(live.store, live.workspace, "demo", "tiny", {"seconds": 8})
    assert eventually(lambda: runs.row_of(live.store, key).task == "count")

    for name in ("worker", "orchestrator"):
        victim = infrastructure.process_of(live.store, name)
        assert victim is not None
        os.kill(victim.pid, signal.SIGKILL)

    row = runs.wait_for(live.store, key, timeout_s=60)
    assert (row.state, row.stages_done) == ("completed", 2)


def test_when_the_supervisor_is_killed_the_others_end_and_up_heals(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    infrastructure.up(live.workspace, timeout_s=PATIENCE_S)
    pids = [one.pid for one in infrastructure.status(live.store) if one.pid is not None]
    supervisor = infrastructure.process_of(live.store, infrastructure.SUPERVISOR)
    assert supervisor is not None

    os.kill(supervisor.pid, signal.SIGKILL)
    gone = eventually(lambda: not any(is_alive(pid) for pid in pids if pid != supervisor.pid), 20)
    dying, look = [supervisor] * 2, infrastructure.process_of  # both meet one that is just about to end
    monkeypatch.setattr(infrastructure, "process_of", lambda *asked: dying.pop() if dying else look(*asked))
    starts = [threading.Thread(target=infrastructure.up, args=(live.workspace,)) for _ in range(2)]
    for start in starts:
        start.start()
    for start in starts:
        start.join(timeout=120)

    assert gone
    assert infrastructure.is_up(live.store)
    assert len(processes_of(live, "app.watcher.supervisor")) == 1
    assert len(processes_of(live, "app.watcher.loop")) == 1


def test_down_cancels_what_runs_leaves_no_process_and_what_waits_is_run_by_the_next_up(live: Live) -> None:
    infrastructure.up(live.workspace, timeout_s=PATIENCE_S)
    running = runs.request(live.store, live.workspace, "demo", "tiny", {"seconds": 60})
    assert eventually(lambda: runs.row_of(live.store, running).task == "count")
    child = pid_of(live, running)

    found = infrastructure.down(live.workspace)
    waiting = runs.request(live.store, live.workspace, "demo", "tiny")
    row = runs.row_of(live.store, waiting)

    assert all(one.state is ServiceState.DOWN and one.pid is None for one in found)
    assert processes_of(live, "") == []
    assert not is_alive(child)
    assert runs.row_of(live.store, running).state == "cancelled"
    assert (row.state, row.next_step) == ("requested", "trainmaster up")

    infrastructure.up(live.workspace, timeout_s=PATIENCE_S)

    assert runs.wait_for(live.store, waiting, timeout_s=PATIENCE_S).state == "completed"


def is_up_again(live: Live, name: str, old_pid: int) -> bool:
    """Whether a service is up as another process."""
    found = next(one for one in infrastructure.status(live.store) if one.service == name)
    return found.state is ServiceState.UP and found.pid != old_pid and found.restarts >= 1


def processes_of(live: Live, module: str) -> list[int]:
    """Living processes whose command line names the workspace (and a module), without this one and its children."""
    time.sleep(0.5)
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status", "environ"]):
        command = " ".join(process.info["cmdline"] or ())
        place = str(live.workspace.root)
        belongs = place in command or (process.info["environ"] or {}).get("TRAINMASTER_WORKSPACE") == place
        if belongs and module in command and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return [pid for pid in found if pid != os.getpid()]
