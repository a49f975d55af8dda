"""The sample year through the whole loop without services: the table of the back-test, in time, within its bars."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services.sample import write_sample_project
from flows.pipeline import pipeline

NAME = "flight-delay"


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_year_is_replayed_headless_and_the_policy_has_earned_its_arms(workspace: Workspace) -> None:
    write_sample_project(workspace)
    pipeline(NAME, parameters={"promote": True}, workspace=str(workspace.root))

    ran = subprocess.run(
        [sys.executable, "-m", "app.main", "replay", "--headless", "--json", "--workspace", str(workspace.root)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["seconds"] < 900
    assert [turn["month"] for turn in told["months"]] == [f"2013-{month:02}" for month in range(4, 13)]
    promoted = [turn["production"] for turn in told["months"]]
    assert promoted == sorted(promoted)
    policies = {one["policy"]: one for one in told["backtest"]["policies"]}
    own, short = policies[NAME], policies["monthly-2"]
    share = told["backtest"]["share_of_gain"][NAME]
    assert min(share.values()) >= 0.75
    assert own["retrains"] <= 5
    assert own["refused"] >= 1
    assert own["mean_log_loss"] < short["mean_log_loss"]
    assert own["mean_auc"] > short["mean_auc"]
