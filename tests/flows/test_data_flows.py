"""The flows ingest and features, run without any server."""

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import BadInput
from app.domain.states import RunState, TaskState
from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.tables import Run, Task
from flows.features import features
from flows.ingest import ingest
from tests.services.made import CODE, homes


def test_files_become_features(workspace: Workspace, store: Store) -> None:
    homes(workspace)

    taken = ingest("homes", workspace=str(workspace.root))
    built = features("homes", workspace=str(workspace.root))
    again = features("homes", workspace=str(workspace.root))

    assert (taken["rows_in"], taken["accepted"], taken["quarantined"]) == (6, 6, 0)
    assert (built["version"], built["is_new"], built["rows"]) == (1, True, 3)
    assert (again["version"], again["is_new"]) == (1, False)
    with store.read() as session:
        runs = session.execute(select(Run).order_by(col(Run.id))).scalars().all()
        tasks = session.execute(select(Task).order_by(col(Task.id))).scalars().all()
    assert [(run.flow, run.state, run.stages) for run in runs] == [
        ("ingest", RunState.COMPLETED, 2),
        ("features", RunState.COMPLETED, 4),
        ("features", RunState.COMPLETED, 4),
    ]
    assert {task.state for task in tasks} == {TaskState.COMPLETED}
    assert [task.says.split(":")[0] for task in tasks] == [
        "homes",
        "rates",
        "v1",
        "statistics of 3 columns",
        "v1 is online",
        "0 differences in 8 values of 4 entities of v1",
        "nothing changed",
        "the statistics are there",
        "v1 is online",
        "0 differences in 8 values of 4 entities of v1",
    ]


def test_a_run_whose_feature_code_fails_says_which_line(workspace: Workspace, store: Store) -> None:
    homes(workspace, code=CODE.replace("homes[", "home["))
    ingest("homes", workspace=str(workspace.root))

    with pytest.raises(BadInput):
        features("homes", workspace=str(workspace.root))

    with store.read() as session:
        run = session.execute(select(Run).order_by(col(Run.id).desc())).scalars().first()
    assert run is not None
    assert run.state is RunState.FAILED
    assert run.error.startswith("projects/homes/features.py line 5: function 'asked' failed: NameError")
