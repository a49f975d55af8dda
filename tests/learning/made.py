"""Made data and registered versions for tests: real store, real LightGBM, no feature store."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from app.domain.ids import Ref
from app.domain.workspace import Workspace
from app.learning.signature import Feature
from app.services import experiments
from app.services.experiments import Evaluated, Pulled, Registered
from app.services.running import RunContext, commit_of, running
from app.services.workspaces import OpenProject, now, open_project
from app.store.engine import Store
from app.store.tables import FeatureSet
from tests.once import once

COMMITTED = "2026-01-02T00:00:00Z"
FEATURES = (
    Feature("hour", "number", "schedule"),
    Feature("wind", "number", "weather"),
    Feature("carrier", "category", "schedule"),
)
PROJECT = """
name = "late"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "ana"
[problem]
task = "binary"
target = "late"
entity = ["id"]
event_time = "at"
slices = ["carrier"]
[sources.rows]
path = "rows/*.csv"
[spine]
function = "labelled"
[views.schedule]
entity = ["id"]
[split]
kind = "time"
gap_hours = 24
[gates]
minimum_gain_over_production = -1.0
server_smoke = false
[learner]
rounds = 12
[learner.parameters]
num_threads = 1
"""


def make_frame(rows: int = 3000, seed: int = 1, *, months: int = 3) -> pd.DataFrame:
    """Rows over some months with two numbers and a category that say something about being late."""
    generator = np.random.default_rng(seed)
    hour = generator.integers(5, 23, rows)
    wind = np.where(generator.random(rows) < 0.1, np.nan, generator.gamma(2, 5, rows))
    carrier = generator.choice(["AA", "UA", "DL"], rows)
    risk = 0.15 * (hour - 13) + 0.1 * (np.nan_to_num(wind) - 10) + (carrier == "UA")
    days = generator.uniform(0, 30 * months - 1, rows)
    return pd.DataFrame(
        {
            "id": [f"id{at}" for at in range(rows)],
            "at": pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(days, unit="D"),
            "late": generator.random(rows) < 1 / (1 + np.exp(-risk)),
            "hour": hour,
            "wind": wind,
            "carrier": carrier,
        }
    )


def make_project(workspace: Workspace, text: str = PROJECT, name: str = "late", *, commit: bool = True) -> OpenProject:
    """A project on disk, committed in a git repository unless told otherwise."""
    folder = workspace.project_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    workspace.project_file(name).write_text(text)
    if commit:
        git = ["git", "-C", str(workspace.root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        same_time = os.environ | {"GIT_AUTHOR_DATE": COMMITTED, "GIT_COMMITTER_DATE": COMMITTED}
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "project"]):
            subprocess.run([*git, *words], check=True, capture_output=True, env=same_time)
    return open_project(workspace, name)


def make_feature_set(run: RunContext) -> Pulled:
    """The row of a feature set without any table behind it, and an empty frame in its name."""
    with run.store.write() as session:
        version = len(session.execute(FeatureSet.__table__.select()).all()) + 1  # type: ignore[attr-defined]
        row = FeatureSet(
            project_id=run.project_id,
            run_id=run.run_id,
            version=version,
            digest=f"{version:064d}",
            rules_digest="0" * 64,
            rows=0,
            created_at=now(),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
    ref = Ref("features", f"{run.project.name}/v{version}")
    return Pulled(pd.DataFrame(), FEATURES, row.id, version, row.digest, ref)


def train_on(
    store: Store,
    project: OpenProject,
    frame: pd.DataFrame,
    *,
    features: tuple[Feature, ...] = FEATURES,
    parameters: Mapping[str, object] | None = None,
) -> tuple[Registered, Evaluated]:
    """Run every stage of training but the pull, and register the version."""
    with running(store, project, "train", stages=5, parameters=parameters) as run:
        with run.task("pull"):
            pulled = replace(make_feature_set(run), frame=frame, features=features)
        with run.task("split") as task:
            divided = experiments.split(task, pulled)
        with run.task("fit") as task:
            learned = experiments.fit(task, pulled, divided)
        with run.task("evaluate") as task:
            evaluated = experiments.evaluate(task, pulled, divided, learned)
        with run.task("register") as task:
            return experiments.register(task, pulled, divided, learned, evaluated), evaluated


def version_on(
    store: Store, project: OpenProject, frame: pd.DataFrame, *, parameters: Mapping[str, object] | None = None
) -> tuple[Registered, Evaluated]:
    """The same as `train_on`, for tests that need a version and do not ask how it is made."""
    asked = (project.text, commit_of(project), sorted((parameters or {}).items()), frame)
    return once(store, lambda: train_on(store, project, frame, parameters=parameters), *asked)


__all__ = ["FEATURES", "PROJECT", "make_feature_set", "make_frame", "make_project", "train_on", "version_on"]
