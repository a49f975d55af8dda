"""A training run that dies at any stage leaves no version, no artifact and no metric; the next one is whole."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain.workspace import Workspace
from app.services.experiments import evaluating, fitting, registering
from app.services.workspaces import open_project, open_store
from app.store import audit, ledger, lineage
from app.store.engine import Store
from app.store.tables import Artifact, GateResult, Metric, Model, ModelVersion
from tests.learning.made import make_frame, make_project, train_on

SPAWN = multiprocessing.get_context("spawn")  # OpenMP does not survive a fork once it was used
PLACES = {
    "fit": (fitting, "whole_parameter"),
    "evaluate": (evaluating, "judge"),
    "artifacts kept": (registering, "_add_version"),
    "version added": (registering, "_add_history"),
    "metrics written": (ledger, "log_points"),
    "lineage": (lineage, "link"),
    "audit": (audit, "record"),
}


def die(*_: object, **__: object) -> None:
    """The end, with no chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


def doomed(root: Path, place: str) -> None:
    """Train in this process until it dies."""
    module, name = PLACES[place]
    vars(module)[name] = die
    workspace = Workspace(root)
    with open_store(workspace) as store:
        train_on(store, open_project(workspace, "late"), make_frame(800))


@pytest.mark.parametrize(
    "place",
    [place if place == "audit" else pytest.param(place, marks=pytest.mark.faults) for place in PLACES],
)
def test_a_killed_training_leaves_nothing_and_the_next_one_is_whole(
    store: Store, workspace: Workspace, place: str
) -> None:
    project = make_project(workspace)

    process = SPAWN.Process(target=doomed, args=(workspace.root, place))
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    with store.read() as session:
        kinds = set(session.execute(select(Artifact.kind)).scalars())  # type: ignore[call-overload]
        assert kinds <= {"lock", "diff", "split"}  # what the run was made of, nothing that it made
        for table in (Model, ModelVersion, Metric, GateResult):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    done, _ = train_on(store, project, make_frame(800))
    assert done.version == 1
