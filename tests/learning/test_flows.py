"""The whole way without any server: a file, features, a version, production, and the way back."""

import pytest
from sqlalchemy import select, text

from app.domain.errors import BadInput, Refused
from app.domain.states import RunState, TaskState
from app.domain.workspace import Workspace
from app.services import registry
from app.services.workspaces import make_workspace
from app.store.engine import Store
from app.store.tables import LineageEdge, Run, Task
from flows.deploy import deploy
from flows.features import features
from flows.ingest import ingest
from flows.train import train
from tests.learning.made import PROJECT, make_frame, make_project
from tests.once import copy_into

FEATURES = '''
"""Labels and features of the rows."""
import pandas as pd


def labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """The labelled rows."""
    return pd.DataFrame({"id": rows["id"], "at": pd.to_datetime(rows["at"], utc=True), "late": rows["late"]})


def schedule(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known before."""
    return rows[["id", "hour", "wind", "carrier"]]
'''


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose project has its features built, for copies."""
    made = make_workspace(tmp_path_factory.mktemp("built") / "workspace")
    make_project(made, commit=False)
    made.features_file("late").write_text(FEATURES)
    rows = made.project_folder("late") / "rows"
    rows.mkdir()
    make_frame(1500).to_csv(rows / "rows.csv", index=False)
    make_project(made, PROJECT)
    for flow in (ingest, features):
        flow("late", workspace=str(made.root))
    return made


@pytest.fixture
def place(workspace: Workspace, built: Workspace) -> Workspace:
    """A copy of it."""
    copy_into(workspace, built)
    return workspace


def test_a_file_becomes_a_version_in_production_and_every_step_is_recorded(store: Store, place: Workspace) -> None:
    root = str(place.root)

    trained = [train("late", workspace=root, parameters={"rounds": rounds}) for rounds in (10, 12)]
    deployed = [
        deploy("late", workspace=root, parameters={"version": version, "reason": "better"}) for version in (1, 2)
    ]
    back = registry.rollback(store, "late", by="ana", reason="worse")

    assert [summary["model"] for summary in trained] == ["late/1", "late/2"]
    assert deployed[1]["replaced"] == 1
    assert (back.version, back.replaced) == (1, 2)
    with store.read() as session:
        runs = session.execute(select(Run).order_by(text("id"))).scalars().all()
        tasks = session.execute(select(Task).order_by(text("id"))).scalars().all()
        edges = {(e.from_kind, e.to_kind) for e in session.execute(select(LineageEdge)).scalars()}
    assert all(run.state is RunState.COMPLETED and run.stages_done == run.stages for run in runs)
    assert all(task.state is TaskState.COMPLETED and task.says for task in tasks if task.name != "extract")
    assert edges >= {
        ("snapshot", "features"),
        ("features", "run"),
        ("commit", "run"),
        ("run", "model"),
        ("model", "deployment"),
    }


def test_the_same_features_twice_give_the_same_model(place: Workspace) -> None:
    digests = {train("late", workspace=str(place.root), parameters={"feature_set": 1})["digest"] for _ in range(2)}

    assert len(digests) == 1


@pytest.mark.parametrize("version", [None, "2", 0, 1.5, True])
def test_a_deploy_run_without_a_version_is_refused(place: Workspace, version: object) -> None:
    with pytest.raises(BadInput, match="version"):
        deploy("late", workspace=str(place.root), parameters={"version": version, "reason": "x"})


def test_a_deploy_run_without_a_reason_leaves_nothing_in_production(store: Store, place: Workspace) -> None:
    train("late", workspace=str(place.root))

    with pytest.raises(Refused, match="reason"):
        deploy("late", workspace=str(place.root), parameters={"version": 1})

    with store.read() as session:
        assert registry.production_version(session, "late") is None
