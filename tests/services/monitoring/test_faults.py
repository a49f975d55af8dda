"""A monitor that is killed at any moment loses no alert and doubles none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services.workspaces import open_store
from app.store.queries.monitoring import alerts, decisions
from flows.features import features
from flows.ingest import ingest
from flows.monitor import monitor
from flows.predict import predict
from tests.monthly import PROJECT, Month, bring


@pytest.mark.faults
def test_a_killed_monitor_leaves_one_alert_and_one_decision_after_the_next_one(
    quarter: Workspace, tmp_path: Path
) -> None:
    bring(quarter, Month(4, meaning=0.1))
    for flow in (ingest, features, predict):
        flow(PROJECT, workspace=str(quarter.root))
    begun = time.monotonic()
    command = [sys.executable, "-m", "flows.monitor", "--project", PROJECT, "--quiet", "--workspace"]
    untouched = tmp_path / "untouched"
    shutil.copytree(quarter.root, untouched)
    subprocess.run([*command, str(untouched)], check=True, capture_output=True)
    whole_s = time.monotonic() - begun

    for step in range(12):
        root = tmp_path / f"killed-{step}"
        shutil.copytree(quarter.root, root)
        started = subprocess.Popen([*command, str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole_s * (0.4 + 0.05 * step))
        os.kill(started.pid, signal.SIGKILL)
        started.wait()

        monitor(PROJECT, workspace=str(root))

        with open_store(Workspace(root)) as store:
            assert [alert.signal for alert in alerts(store.reader)] == ["auc"]
            assert len([each for each in decisions(store.reader) if each.retrain]) == 1


@pytest.mark.faults
def test_a_look_at_health_that_is_killed_anywhere_leaves_one_alert_a_signal(quarter: Workspace) -> None:
    from app.services.monitoring import health

    quarter.marker.write_text("[alerts.health]\ndisk_percent = 0.001\nmemory_percent = 0.001\n")
    program = (
        "import sys; from pathlib import Path; from app.domain.workspace import Workspace; "
        "from app.services.workspaces import open_store; from app.services.monitoring import health\n"
        "w = Workspace(Path(sys.argv[1]))\nwith open_store(w) as s:\n while True: health.look(s, w)"
    )
    for step in range(5):
        started = subprocess.Popen([sys.executable, "-c", program, str(quarter.root)])
        time.sleep(1.0 + 0.13 * step)
        os.kill(started.pid, signal.SIGKILL)
        started.wait()

    with open_store(quarter) as store:
        for _ in range(9):
            health.look(store, quarter)
        standing = [alert.signal for alert in alerts(store.reader) if alert.state != "resolved"]
        assert standing.count("machine.disk") == standing.count("machine.memory") == 1
        assert len(standing) == len(set(standing))
