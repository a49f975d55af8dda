"""A small project on disk, for the tests of services."""

from pathlib import Path

from app.domain.workspace import Workspace
from app.services import data, features
from app.services.data import Ingested
from app.services.features import FeatureSetBuilt
from app.services.running import running
from app.services.workspaces import OpenProject, open_project
from app.store.engine import Store

PROJECT = """
name = "homes"
[charter]
goal = "know the price sooner"
kpi = "rmse"
owner = "ana"
[problem]
task = "regression"
target = "price"
entity = ["home"]
event_time = "asked_at"
[sources.homes]
path = "incoming/homes/*.csv"
unique_key = ["home"]
time = "asked_at"
max_quarantined_share = 0.5
[sources.homes.columns]
home = { type = "text", required = true }
asked_at = { type = "time", required = true }
size = { type = "number", minimum = 1 }
price = { type = "number" }
[sources.rates]
path = "incoming/rates/*.csv"
[sources.rates.columns]
town = { type = "text", required = true }
rate = { type = "number" }
at = { type = "time", required = true }
[spine]
function = "asked"
[views.facts]
entity = ["home"]
[views.rates_in_town]
entity = ["town"]
event_time = "at"
ttl_hours = 48
"""

CODE = """
import pandas as pd

def asked(homes: pd.DataFrame) -> pd.DataFrame:
    return homes[["home", "town", "asked_at", "price"]]

def facts(homes: pd.DataFrame) -> pd.DataFrame:
    return homes[["home", "size"]].assign(kind=homes["town"])

def rates_in_town(rates: pd.DataFrame) -> pd.DataFrame:
    return rates[["town", "at", "rate"]]
"""

HOMES = """home,town,asked_at,size,price
h1,ulm,2013-01-02T00:00:00Z,70,100
h2,ulm,2013-01-03T12:00:00Z,80,120
h3,bonn,2013-01-02T00:00:00Z,90,
"""
RATES = """town,at,rate
ulm,2013-01-01T00:00:00Z,1.5
ulm,2013-01-03T00:00:00Z,2.5
ulm,2013-01-04T00:00:00Z,9.9
"""


def homes(workspace: Workspace, *, project: str = PROJECT, code: str = CODE) -> OpenProject:
    """The project, with one file for each of its two sources."""
    folder = workspace.project_folder("homes")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.toml").write_text(project)
    (folder / "features.py").write_text(code)
    deliver(workspace, "homes/one.csv", HOMES)
    deliver(workspace, "rates/one.csv", RATES)
    return open_project(workspace, "homes")


def deliver(workspace: Workspace, name: str, content: str | bytes) -> Path:
    """Put a file into the project's `incoming/`."""
    path = workspace.project_folder("homes") / "incoming" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def take_in(store: Store, project: OpenProject, *sources: str) -> list[Ingested]:
    """Run the ingest of some sources (all of them when none is named)."""
    with running(store, project, "ingest", stages=1) as run:
        results = []
        for source in sources or tuple(project.file.sources):
            with run.task("ingest") as task:
                results.append(data.ingest(task, source))
        return results


def build(store: Store, project: OpenProject) -> FeatureSetBuilt:
    """Run the build of the features."""
    with running(store, project, "features", stages=1) as run, run.task("build") as task:
        return features.build(task)
