"""Ten faults, planted the way they happen: in files that arrive, in code that is committed, in the machine below."""

import subprocess
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.domain.workspace import Workspace
from app.machine import environment
from app.machine.environment import Environment
from app.services.repository import commit_workspace
from app.services.workspaces import make_workspace

PROJECT, ROWS, SITES = "depots", 600, 12
TOML = """
name = "depots"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "tests"
[problem]
task = "binary"
target = "late"
entity = ["id"]
event_time = "at"
[sources.rides]
path = "incoming/rides/*.csv"
time = "at"
[sources.rides.columns]
at = { type = "time", required = true }
late = { type = "integer", required = true }
[sources.weather]
path = "incoming/weather/*.csv"
time = "seen_at"
[sources.weather.columns]
seen_at = { type = "time", required = true }
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[views.outside]
entity = ["site"]
event_time = "seen_at"
[split]
kind = "time"
[learner]
rounds = 30
[learner.parameters]
learning_rate = 0.2
num_leaves = 7
[gates]
clean_commit = false
[monitoring]
window = "month"
limits = { auc = 0.60 }
[feedback]
retrain_on = ["auc"]
minimum_new_labels = 100000
[alerts.health]
run_least_s = 2.0
run_slow_factor = 2.0
"""
FEATURES = '''
"""Features of the depots."""
import gauges
import pandas as pd


def labelled(rides: pd.DataFrame) -> pd.DataFrame:
    """The labelled rides."""
    return pd.DataFrame(
        {"id": rides["id"], "at": pd.to_datetime(rides["at"], utc=True), "site": rides["site"], "late": rides["late"]}
    )


def facts(rides: pd.DataFrame) -> pd.DataFrame:
    """What is known of a ride."""
    return pd.DataFrame(
        {
            "id": rides["id"],
            "distance": rides["distance"],
            "load": gauges.read(rides["load"]),
            "goods": rides["goods"],
            "hour": pd.to_datetime(rides["at"], utc=True).dt.hour,
        }
    )


def outside(weather: pd.DataFrame) -> pd.DataFrame:
    """The weather at the depot."""
    return pd.DataFrame(
        {"site": weather["site"], "seen_at": pd.to_datetime(weather["seen_at"], utc=True), "wind": weather["wind"]}
    )
'''


@dataclass(frozen=True)
class Fault:
    """A fault: how it is planted before June, which rides and weather then arrive, and what must be suspected."""

    name: str
    guilty: tuple[str, ...]
    """Any of these words in a suspect's kind and name makes it the right one."""
    rides: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    weather: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    code: tuple[str, str] | None = None
    machine: Callable[[pytest.MonkeyPatch], None] | None = None
    signal: str | None = None
    """The alert that is explained; the worst one that opened where nothing is said."""


def rides_of(month: int) -> pd.DataFrame:
    """A month of rides by day, from six to eighteen o'clock."""
    random = np.random.default_rng(month)
    days = pd.Timestamp(2013, month, 1, tz="UTC").days_in_month
    day = np.sort(random.integers(0, days, ROWS))
    day[0], day[-1] = 0, days - 1
    second = random.integers(6 * 3600, 18 * 3600, ROWS)
    second[0], second[-1] = 6 * 3600, 18 * 3600 - 1
    at = pd.Timestamp(2013, month, 1, tz="UTC") + pd.to_timedelta(day * 86_400 + second, unit="s")
    distance = np.exp(random.normal(3, 0.5, ROWS))
    load = random.normal(10, 2, ROWS)
    signs = (np.log(distance) - 3) * 2.5 + (load - 10) * 0.5
    return pd.DataFrame(
        {
            "id": [f"{month}-{number}" for number in range(ROWS)],
            "at": at,
            "site": [f"s{number}" for number in random.integers(0, SITES, ROWS)],
            "distance": distance.round(3),
            "load": load.round(3),
            "goods": random.choice(["food", "tools", "books"], ROWS),
            "late": (random.random(ROWS) < 1 / (1 + np.exp(-signs))).astype(int),
        }
    ).sort_values("at", ignore_index=True)


def weather_of(month: int) -> pd.DataFrame:
    """A month of weather: every site every six hours."""
    random = np.random.default_rng(100 + month)
    days = pd.Timestamp(2013, month, 1, tz="UTC").days_in_month
    times = [pd.Timestamp(2013, month, 1, tz="UTC") + pd.Timedelta(hours=6 * step) for step in range(days * 4)]
    rows = [(f"s{site}", at) for at in times for site in range(SITES)]
    frame = pd.DataFrame(rows, columns=["site", "seen_at"])
    return frame.assign(wind=random.gamma(4, 2, len(frame)).round(3))


def gauges(factor: float) -> types.ModuleType:
    """A library of another's: its release decides what it reads."""
    module = types.ModuleType("gauges")
    module.read = lambda values: values * factor  # type: ignore[attr-defined]
    return module


def bring(workspace: Workspace, month: int, fault: Fault | None = None) -> None:
    """The files of a month arrive."""
    for name, frame, change in (
        ("rides", rides_of(month), fault.rides if fault else None),
        ("weather", weather_of(month), fault.weather if fault else None),
    ):
        target = workspace.project_folder(PROJECT) / "incoming" / name / f"{month:02}.csv"
        (change(frame) if change else frame).to_csv(target, index=False)


def five_months(root: Path) -> Workspace:
    """January to March learned and in production, April and May watched and good."""
    from flows.pipeline import pipeline

    sys.modules["gauges"] = gauges(1.0)
    workspace = make_workspace(root)
    folder = workspace.project_folder(PROJECT)
    for name in ("rides", "weather"):
        (folder / "incoming" / name).mkdir(parents=True)
    (folder / "project.toml").write_text(TOML)
    (folder / "features.py").write_text(FEATURES)
    commit_workspace(workspace, "the depots", ".")
    for month in (1, 2, 3):
        bring(workspace, month)
    pipeline(PROJECT, parameters={"promote": True}, workspace=str(root))
    for month in (4, 5):
        bring(workspace, month)
        follow(workspace)
    return workspace


def follow(workspace: Workspace) -> dict[str, Any]:
    """What arrived is followed to its alerts."""
    from flows.arrival import arrival

    return dict(arrival(PROJECT, workspace=str(workspace.root)))


def plant(workspace: Workspace, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """June comes, with the fault."""
    monkeypatch.setitem(sys.modules, "gauges", gauges(1.0))
    if fault.code is not None:
        file = workspace.features_file(PROJECT)
        text = file.read_text()
        assert fault.code[0] in text
        file.write_text(text.replace(*fault.code))
        subprocess.run(
            ["git", "-c", "user.name=ben", "-c", "user.email=ben@example.org", "commit", "-qam", "Tidy the features"],
            cwd=workspace.root,
            check=True,
        )
    if fault.machine is not None:
        fault.machine(monkeypatch)
    bring(workspace, 6, fault)
    follow(workspace)


def bump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release of a library: it reads loads in other units, and the lock says so."""
    before = environment.this_environment()
    packages = {**before.packages, "pandas": "99.0.0"}
    after: Environment = replace(before, packages=packages, lock_digest="f" * 64)
    monkeypatch.setattr("app.services.running.this_environment", lambda: after)
    monkeypatch.setitem(sys.modules, "gauges", gauges(2.2))


def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit to the offline store waits."""
    from app.features import offline

    real = offline._commit

    def late(*args: Any, **kwargs: Any) -> Any:
        time.sleep(4.0)
        return real(*args, **kwargs)

    monkeypatch.setattr(offline, "_commit", late)


def half(frame: pd.DataFrame) -> pd.DataFrame:
    """Every other row never came, and of those that did every other one is empty where it matters."""
    kept = frame.iloc[[*range(0, len(frame) - 1, 2), len(frame) - 1]].copy()
    kept.loc[kept.index % 4 == 0, ["distance", "load"]] = np.nan
    return kept


def relabelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Nearly everything is late, whatever the ride."""
    random = np.random.default_rng(0)
    return frame.assign(late=(random.random(len(frame)) < 0.9).astype(int))


FAULTS = (
    Fault("a unit changed upstream", ("source rides",), rides=lambda f: f.assign(distance=f["distance"] * 1.609)),
    Fault("a bad rule", ("rule view facts", "commit "), code=('rides["distance"]', 'rides["distance"] // 25')),
    Fault("a library bump", ("environment ",), machine=bump),
    Fault("a slow disk", ("machine disk",), machine=slow_disk, signal="run.features.duration"),
    Fault("a label shift", ("label late",), rides=relabelled),
    Fault("a stuck source", ("source weather",), weather=lambda f: f.assign(wind=7.5)),
    Fault(
        "a new category",
        ("source rides",),
        rides=lambda f: f.assign(goods=np.where(f.index % 5 < 2, "fireworks", f["goods"])),
    ),
    Fault("a clock shift", ("source rides",), rides=lambda f: f.assign(at=f["at"] + pd.Timedelta(hours=5))),
    Fault(
        "a wrong join",
        ("rule view outside", "commit "),
        code=('"site": weather["site"], "seen_at"', '"site": weather["site"].str.upper(), "seen_at"'),
    ),
    Fault("a half-empty batch", ("source rides",), rides=half),
)
