"""A small project whose months arrive one by one, each with its own drift and its own meaning of `x`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.domain.workspace import Workspace
from app.services.workspaces import make_workspace

PROJECT = "monthly"
ROWS = 700
PROJECT_TOML = """
name = "monthly"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "tests"
[problem]
task = "binary"
target = "late"
entity = ["id"]
event_time = "at"
[sources.rows]
path = "incoming/rows/*.csv"
[sources.rows.columns]
at = { type = "time", required = true }
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[split]
kind = "time"
[learner]
rounds = 30
[learner.parameters]
learning_rate = 0.2
num_leaves = 7
[gates]
clean_commit = false
minimum_gain_over_production = -1.0
[monitoring]
window = "month"
limits = { auc = 0.70 }
[feedback]
retrain_on = ["auc"]
cool_down_hours = 0
minimum_new_labels = 100
"""
FEATURES = '''
"""Features of the small project."""
import pandas as pd


def labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """The labelled rows."""
    return pd.DataFrame({"id": rows["id"], "at": pd.to_datetime(rows["at"], utc=True), "late": rows["late"]})


def facts(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known."""
    return rows[["id", "x", "colour"]]
'''


@dataclass(frozen=True)
class Month:
    """How a month behaves: how much `x` tells of the label, how far `x` has moved and how wide it is; labels known."""

    number: int
    meaning: float = 2.0
    shift: float = 0.0
    width: float = 1.0
    labelled: bool = True


BAD_APRIL = Month(4, meaning=0.1)


def write_project(root: Path) -> Workspace:
    """A workspace with the project and no data."""
    workspace = make_workspace(root)
    folder = workspace.project_folder(PROJECT)
    (folder / "incoming" / "rows").mkdir(parents=True)
    (folder / "project.toml").write_text(PROJECT_TOML)
    (folder / "features.py").write_text(FEATURES)
    return workspace


def bring(workspace: Workspace, month: Month, *, rows: int = ROWS) -> None:
    """A month's file arrives."""
    random = np.random.default_rng(month.number)
    begin = pd.Timestamp(2013, month.number, 1, tz="UTC")
    length_s = ((begin + pd.DateOffset(months=1)) - begin).total_seconds()
    x = random.normal(size=rows)
    frame = pd.DataFrame(
        {
            "id": [f"{month.number}-{number}" for number in range(rows)],
            "at": begin + pd.to_timedelta(np.linspace(0, length_s - 60, rows).astype(int), unit="s"),
            "x": x * month.width + month.shift,
            "colour": random.choice(["red", "green", "blue"], rows),
            "late": (random.random(rows) < 1 / (1 + np.exp(-month.meaning * x))).astype(int),
        }
    )
    if not month.labelled:
        frame["late"] = ""
    target = workspace.project_folder(PROJECT) / "incoming" / "rows" / f"rows-{month.number:02}.csv"
    half = target.with_suffix(".half")
    frame.to_csv(half, index=False)
    half.rename(target)


def first_quarter(root: Path) -> Workspace:
    """January to March with a version in production and its first batch."""
    from flows.pipeline import pipeline

    workspace = write_project(root)
    for number in (1, 2, 3):
        bring(workspace, Month(number))
    pipeline(PROJECT, parameters={"promote": True}, workspace=str(workspace.root))
    return workspace


@cache
def kept_quarter(base: Path) -> Path:
    """The first quarter below the session's folder, made once, for every folder of tests that copies it."""
    return first_quarter(base / "kept-quarter" / "workspace").root


def arrive(workspace: Workspace, month: Month, **more: Any) -> dict[str, Any]:
    """A month arrives and is followed to its alerts; gives the summary of the monitor."""
    from flows.arrival import arrival

    bring(workspace, month, **more)
    summary: Any = arrival(PROJECT, workspace=str(workspace.root))["monitor"]
    return dict(summary)
