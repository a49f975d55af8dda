"""Many promotions at once, and a promotion that dies at every stage: production is always exactly one whole version."""

import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.errors import Refused
from app.domain.states import DeploymentState, Stage
from app.domain.workspace import Workspace
from app.services import registry
from app.services.registry import deploying, switching
from app.services.workspaces import open_project, open_store
from app.store import audit
from app.store.engine import Store
from app.store.tables import AuditEvent, Deployment, ModelVersion
from tests.learning.made import make_frame, make_project, train_on

FORK = multiprocessing.get_context("fork")


def prepare(store: Store, workspace: Workspace, versions: int) -> None:
    """Versions that pass their gates, the first one in production."""
    project = make_project(workspace)
    for version in range(versions):
        train_on(store, project, make_frame(1500), parameters={"rounds": 8 + version})
    registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")


def promote(root: Path, version: int, by: str) -> None:
    """Promote in this process, with a store of its own."""
    workspace = Workspace(root)
    with open_store(workspace) as store:
        registry.promote_here(
            store, open_project(workspace, "late"), "late", version, by=by, reason="better", typed_name="late"
        )


def production(store: Store) -> int:
    """The version in production, after checking that every record of it agrees."""
    with store.read() as session:
        serving = session.execute(select(ModelVersion).where(ModelVersion.stage == Stage.PRODUCTION)).scalars().all()  # type: ignore[arg-type]
        active = session.execute(select(Deployment).where(Deployment.state == DeploymentState.ACTIVE)).scalars().all()  # type: ignore[arg-type]
        problems = audit.broken_links(session.execute(select(AuditEvent)).scalars())
        building = session.execute(select(Deployment).where(Deployment.state == DeploymentState.BUILDING)).first()  # type: ignore[arg-type]
    assert problems == []
    assert building is None
    assert [row.id for row in serving] == [row.version_id for row in active]
    assert len(serving) == 1
    return int(serving[0].version)


def test_of_eight_processes_that_promote_at_once_one_wins_and_seven_are_refused(
    store: Store, workspace: Workspace
) -> None:
    prepare(store, workspace, 9)
    start, answers = FORK.Barrier(8), FORK.Queue()

    def contend(version: int) -> None:
        planned = vars(deploying)["require_plan"]

        def all_have_planned(*arguments: Any) -> Any:
            plan = planned(*arguments)
            start.wait(30)
            return plan

        vars(deploying)["require_plan"] = once(all_have_planned, planned)
        try:
            promote(workspace.root, version, f"p{version}")
            answers.put((version, "won"))
        except Refused as error:
            answers.put((version, error.message))

    processes = [FORK.Process(target=contend, args=(version,)) for version in range(2, 10)]
    for process in processes:
        process.start()
    results = dict(answers.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)

    winners = [version for version, said in results.items() if said == "won"]
    assert winners == [production(store)]
    assert sum("somebody else was faster" in said for said in results.values()) == 7


def once(first: Callable[..., Any], then: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is `first` at its first call and `then` later."""
    called = threading.Event()

    def call(*arguments: object) -> Any:
        chosen = then if called.is_set() else first
        called.set()
        return chosen(*arguments)

    return call


def die(*_: object, **__: object) -> None:
    """The end, with no chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


def dies_at(place: str) -> None:
    """Arrange that this process dies at a place of the deploy flow."""
    match place:
        case "check":
            vars(deploying)["package_of"] = die
        case "canary":
            vars(deploying)["check_in_child"] = die
        case "child":
            vars(subprocess)["run"] = die
        case "switch":
            vars(deploying)["move_production"] = die
        case "half-switched":
            vars(switching)["_point"] = die
        case "after-commit":
            vars(deploying)["replace"] = die


@pytest.mark.parametrize(
    ("place", "then"),
    [
        ("check", 1),
        ("canary", 1),
        ("child", 1),
        ("switch", 1),
        ("half-switched", 1),
        ("after-commit", 2),
    ],
)
def test_a_promotion_killed_at_any_stage_leaves_one_whole_version_and_can_be_repeated(
    store: Store, workspace: Workspace, place: str, then: int
) -> None:
    prepare(store, workspace, 2)

    def doomed() -> None:
        dies_at(place)
        promote(workspace.root, 2, "ben")

    process = FORK.Process(target=doomed)
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    assert production(store) == then
    if then == 1:
        promote(workspace.root, 2, "ana")
        assert production(store) == 2


@pytest.mark.faults
def test_a_promotion_killed_after_any_time_leaves_one_whole_version(store: Store, workspace: Workspace) -> None:
    prepare(store, workspace, 3)
    outcomes = set()
    for step in range(60):
        before = production(store)
        wanted = 2 if before != 2 else 3
        process = FORK.Process(target=promote, args=(workspace.root, wanted, "ben"))
        process.start()
        process.join(step * 0.015)
        process.kill()
        process.join(30)
        outcomes.add(production(store) == wanted)
        assert production(store) in (before, wanted)
    assert outcomes == {True, False}


@pytest.mark.faults
def test_promotions_and_rollbacks_of_many_processes_keep_one_version_each_round(
    store: Store, workspace: Workspace
) -> None:
    prepare(store, workspace, 4)

    def act(seed: int) -> None:
        for turn in range(12):
            try:
                if (seed + turn) % 3:
                    promote(workspace.root, 1 + (seed + turn) % 4, f"p{seed}")
                else:
                    with open_store(workspace) as own:
                        registry.rollback(own, "late", by=f"p{seed}", reason="back")
            except Refused:
                continue

    processes = [FORK.Process(target=act, args=(seed,)) for seed in range(8)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        production(store)
        processes[0].join(0.2)

    assert all(process.exitcode == 0 for process in processes)
    assert production(store) in (1, 2, 3, 4)
