"""Monitoring of the other tasks, without event times: the window is everything."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.domain.workspace import Workspace
from flows.monitor import monitor
from flows.pipeline import pipeline

TOML = """
name = "plain"
[charter]
goal = "know it"
kpi = "quality"
owner = "tests"
[problem]
task = "{task}"
target = "y"
entity = ["id"]
[sources.rows]
path = "rows.csv"
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[learner]
rounds = 8
[gates]
clean_commit = false
minimum_gain_over_baseline = -9.0
[monitoring]
limits = {{ {limits} }}
"""
FEATURES = """
import pandas as pd


def labelled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["id", "y"]]


def facts(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["id", "x", "z"]]
"""


@pytest.mark.parametrize(
    ("task", "limits", "metrics"),
    [
        ("multiclass", "log_loss = 0.001", {"log_loss", "accuracy"}),
        ("regression", "rmse = 0.001", {"rmse", "mae", "r2"}),
    ],
)
def test_a_project_without_times_is_watched_as_a_whole(
    workspace: Workspace, task: str, limits: str, metrics: set[str]
) -> None:
    folder = workspace.project_folder("plain")
    folder.mkdir()
    (folder / "project.toml").write_text(TOML.format(task=task, limits=limits))
    (folder / "features.py").write_text(FEATURES)
    random = np.random.default_rng(1)
    x = random.normal(size=900)
    y: Any = np.where(x > 0.5, "high", np.where(x < -0.5, "low", "middle")) if task == "multiclass" else 3 * x
    pd.DataFrame({"id": range(900), "x": x, "z": random.choice(["a", "b"], 900), "y": y}).to_csv(
        folder / "rows.csv", index=False
    )
    root = str(workspace.root)
    pipeline("plain", parameters={"promote": True}, workspace=root)

    found = monitor("plain", workspace=root)
    again = monitor("plain", workspace=root)

    assert found["rows"] == found["labelled_rows"] == 900
    assert set(found["metrics"]) == metrics  # type: ignore[call-overload]
    assert [opened[1] for opened in found["opened"]] == [limits.split()[0]]  # type: ignore[attr-defined]
    assert again["report"] == found["report"]
