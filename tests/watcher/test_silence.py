"""The monitor of the monitor: a watcher that is stopped lives and says nothing, and somebody else raises the alarm."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from app.domain.workspace import Workspace
from app.services import infrastructure
from app.services.workspaces import now
from app.store.engine import Store
from app.store.queries.alerts import alerts
from app.store.queries.health import health_signals, heartbeats
from app.watcher.supervisor import Supervisor
from tests.watcher.stopping import stop_between_writes

HEARTBEAT_S = 7


def until(condition: Callable[[], object], limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.2)


@pytest.fixture
def watcher(workspace: Workspace, store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A watcher of its own process, with a short patience for silence."""
    workspace.marker.write_text(f"[alerts.health]\nheartbeat_s = {HEARTBEAT_S}\n")
    started = subprocess.Popen([sys.executable, "-m", "app.watcher.loop", "--workspace", str(workspace.root)])
    try:
        until(lambda: heartbeats(store.reader, now()) and health_signals(store.reader))
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.mark.services
def test_a_stopped_watcher_is_an_alarm_by_the_supervisor_and_in_status_and_ends_when_it_goes_on(
    watcher: subprocess.Popen[bytes], workspace: Workspace, store: Store
) -> None:
    supervisor = Supervisor(workspace, store)
    looked = {row.name for row in health_signals(store.reader)}
    stop_between_writes(watcher.pid, workspace)

    def raised() -> bool:
        supervisor._listen()
        return any(alert.signal == "heartbeat.watcher" and alert.state == "open" for alert in alerts(store.reader))

    until(raised)
    told = {one.service: one.silent_s for one in infrastructure.status(store)}
    os.kill(watcher.pid, signal.SIGCONT)

    def over() -> bool:
        supervisor._listen()
        return all(alert.state == "resolved" for alert in alerts(store.reader) if alert.signal.startswith("heartbeat."))

    until(over)
    assert (told["watcher"] or 0) > HEARTBEAT_S
    assert "machine.disk" in looked
    assert watcher.poll() is None
