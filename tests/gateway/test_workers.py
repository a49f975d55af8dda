"""Several processes behind one port: numbers are added up, a killed one comes back, no part of the log is lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pyarrow.parquet
import pytest

from app.domain.errors import TrainmasterError
from app.domain.workspace import Workspace
from app.gateway.counters import Counters, added_up
from app.gateway.metrics import Metrics
from app.gateway.settings import settings_of
from app.services import serving
from app.services.serving.asking import _call
from tests.gateway.conftest import RECORD, Promote, package
from tests.gateway.test_process import wait_until


@pytest.fixture
def processes(workspace: Workspace, promote: Promote) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway of two processes, with version 1 in production."""
    import socket

    promote(1, package(0.25))
    workspace.marker.write_text("[gateway]\nworkers = 2\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        workspace.ports_file.write_text(json.dumps({"gateway": probe.getsockname()[1]}))
    started = subprocess.Popen(
        [sys.executable, "-m", "app.gateway", "--workspace", str(workspace.root)], stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: started.poll() is not None or (len(workers(started)) == 2 and both_answer(workspace)))
        yield started
    finally:
        children = workers(started)
        started.kill()
        started.communicate()
        psutil.wait_procs(children, timeout=10)
        assert not [child for child in children if child.is_running()]


def workers(parent: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(parent.pid).children() if parent.poll() is None else []


def both_answer(workspace: Workspace) -> bool:
    metrics = serving.parse_metrics(_call(workspace, "GET", "/metrics")[1].decode()) if up(workspace) else {}
    return sum(metrics.get("trainmaster_gateway_swaps_total", {}).values()) == 2


def up(workspace: Workspace) -> bool:
    return serving.health(workspace).ready


def ask(workspace: Workspace) -> bool:
    try:
        return serving.ask(workspace, "flight-delay", [RECORD])["version"] == 1
    except TrainmasterError:
        return False


@pytest.mark.services
def test_two_processes_add_up_and_outlive_a_kill(processes: subprocess.Popen[bytes], workspace: Workspace) -> None:
    answered = sum(ask(workspace) for _ in range(40))
    before = serving.health(workspace)
    killed = workers(processes)[0].pid

    os.kill(killed, signal.SIGKILL)
    answered += sum(ask(workspace) for _ in range(40))
    wait_until(lambda: len(workers(processes)) == 2 and killed not in {one.pid for one in workers(processes)})
    after = serving.health(workspace)
    processes.send_signal(signal.SIGTERM)

    assert before.predictions == 40
    assert answered >= 79  # at most the one that the killed process had taken
    assert after.predictions >= answered
    assert processes.wait(20) == 0
    parts = list(workspace.predictions.rglob("part-*.parquet"))
    rows = sum(pyarrow.parquet.read_table(part).num_rows for part in parts)
    assert rows >= 40
    assert len({part.name.split("-")[2] for part in parts}) == len(parts) or len(parts) <= 3


def test_numbers_of_processes_are_added_up_and_survive_a_restart(workspace: Workspace) -> None:
    files = [workspace.gateway / f"worker-{number}.counters" for number in range(2)]
    first, second = (Metrics(file) for file in files)
    first.answered("a", 200, 0.001)
    second.answered("a", 200, 0.2)
    second.predicted("a", 3, 5)

    again = Metrics(files[1])
    again.predicted("a", 3, 1)
    text = first.text().decode()

    assert 'trainmaster_gateway_requests_total{project="a",status="200"} 2.0' in text
    assert 'trainmaster_gateway_predictions_total{project="a",version="3"} 6.0' in text
    assert 'trainmaster_gateway_latency_seconds_bucket{project="a",le="+Inf"} 2.0' in text
    assert "trainmaster_gateway_processes 2.0" in text
    assert files[0].stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_counters_is_passed_over(workspace: Workspace) -> None:
    own = Counters()
    own.values[own.slot("x")] = 1
    broken = workspace.state / "worker-9.counters"
    broken.write_bytes(b"short")

    assert added_up(own, [broken, workspace.state / "absent"]) == {"x": 1.0}


def test_the_number_of_series_is_bounded() -> None:
    counters = Counters()

    slots = {counters.slot(f"series|{number}") for number in range(6000)}

    assert max(slots) == 4095
    assert len(counters.read()) == 4095


@pytest.mark.parametrize(
    ("text", "says"), [("[gateway]\nworkers = 0\n", "gateway.workers"), ("[gateway]\nport = 1\n", "gateway.port")]
)
def test_a_wrong_setting_is_named(workspace: Workspace, text: str, says: str) -> None:
    workspace.marker.write_text(text)

    with pytest.raises(TrainmasterError, match=says):
        settings_of(workspace)


def test_without_settings_it_is_one_process_on_loopback(workspace: Workspace) -> None:
    settings = settings_of(workspace)

    assert (settings.workers, settings.host, settings.is_loopback) == (1, "127.0.0.1", True)
