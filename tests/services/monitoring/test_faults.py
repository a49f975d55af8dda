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
