"""fsck notices a completed run with a gap in its record, and a model whose origin cannot be told."""

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.domain.workspace import Workspace
from app.orchestration.deployments import FLOWS
from app.services import upkeep
from app.services.running import running
from app.store.engine import Store
from app.store.tables import Run, Task
from tests.services.made import homes
from tests.store.world import make_world


@pytest.fixture
def executed(store: Store, workspace: Workspace) -> dict[str, str]:
    """A completed run of each flow, executed as all flows are."""
    project = homes(workspace)
    keys = {}
    for flow in FLOWS:
        with running(store, project, flow, stages=2) as run:
            for name in ("one", "two"):
                with run.task(name):
                    run.log(name)
            keys[flow] = run.key
    return keys


def problems(store: Store, workspace: Workspace) -> list[str]:
    return [p.says for p in upkeep.fsck(store, workspace.features).problems if "lease" not in p.says]


def test_each_flows_completed_run_knows_everything(
    store: Store, workspace: Workspace, executed: dict[str, str]
) -> None:
    assert len(executed) == len(FLOWS)
    assert problems(store, workspace) == []


@pytest.mark.parametrize("column", ["seed", "duration_s", "lock_digest", "started_at", "stages"])
def test_a_null_in_a_completed_run_is_found(
    store: Store, workspace: Workspace, executed: dict[str, str], column: str
) -> None:
    key = executed["train"]
    with store.write() as session:
        session.connection().execute(update(Run).where(col(Run.key) == key).values({column: None}))

    assert problems(store, workspace) == [f"completed run {key} does not know its {column}"]


def test_a_task_without_an_end_is_found(store: Store, workspace: Workspace, executed: dict[str, str]) -> None:
    with store.write() as session:
        session.connection().execute(update(Task).where(col(Task.name) == "one").values(duration_s=None))

    found = problems(store, workspace)

    assert len(found) == len(executed)
    assert all("its task one does not know" in says for says in found)


def test_a_model_whose_lineage_was_cut_is_found(store: Store, workspace: Workspace) -> None:
    make_world(store)
    before = [says for says in problems(store, workspace) if "lineage" in says]
    with store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM lineage_edge WHERE kind = 'built' OR kind = 'code'")

    found = [says for says in problems(store, workspace) if "lineage" in says]

    assert before == []
    assert found == [
        "the lineage of flight-delay v1 reaches no snapshot",
        "the lineage of flight-delay v1 does not reach its commit",
        "the lineage of flight-delay v2 reaches no snapshot",
        "the lineage of flight-delay v2 does not reach its commit",
    ]
