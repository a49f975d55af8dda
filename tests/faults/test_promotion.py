"""Many promotions at once, and a promotion that dies at every stage: production is always exactly one whole version."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.domain.errors import Refused
from app.domain.states import DeploymentState, Stage
from app.domain.workspace import Workspace
from app.learning.canary import ChildVerdict
from app.services import registry
from app.services.registry import deploying, returning, switching
from app.services.workspaces import now, open_project, open_store
from app.store import audit
from app.store.engine import Store
from app.store.queries.aliases import moves_of, served_at
from app.store.tables import AuditEvent, Deployment, ModelVersion
from tests.learning.made import PROJECT, make_frame, make_project, version_on

FORK = multiprocessing.get_context("fork")


def prepare(store: Store, workspace: Workspace, versions: int) -> None:
    """Versions that pass their gates, the first one in production.

    They have no stored test rows, so that nothing is judged again: LightGBM hangs in a process that was forked from one
    in which it ran.
    """
    project = make_project(workspace)
    for version in range(versions):
        version_on(store, project, make_frame(1500), parameters={"rounds": 8 + version})
    with store.write() as session:
        session.execute(update(ModelVersion).values(judged_on=None))
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
        case "smoke":
            vars(deploying)["smoke"] = die
        case "rollout":
            vars(deploying)["observe"] = die
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
        ("smoke", 1),
        ("rollout", 1),
        ("switch", 1),
        ("half-switched", 1),
        ("after-commit", 2),
    ],
)
def test_a_promotion_killed_at_any_stage_leaves_one_whole_version_and_can_be_repeated(
    store: Store, workspace: Workspace, place: str, then: int
) -> None:
    prepare(store, workspace, 2)

    if place == "smoke":
        make_project(workspace, PROJECT.replace("server_smoke = false", "server_smoke = true"))

    def doomed() -> None:
        dies_at(place)
        promote(workspace.root, 2, "ben")

    process = FORK.Process(target=doomed)
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    assert production(store) == then
    make_project(workspace)
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


def contend(root: Path, seed: int, rounds: int, begin: Any, end: Any) -> None:
    """Promote or roll back once a round, together with everybody else; being refused is an answer, Busy is none."""
    workspace = Workspace(root)
    with open_store(workspace) as store:
        project = open_project(workspace, "late")
        for turn in range(rounds):
            begin.wait(300)
            won = False
            try:
                if (seed + turn) % 3:
                    version = 1 + (seed + turn) % 4
                    registry.promote_here(
                        store, project, "late", version, by=f"p{seed}", reason=f"round {turn}", typed_name="late"
                    )
                else:
                    registry.rollback(store, "late", by=f"p{seed}", reason=f"round {turn}")
                won = True
            except Refused:
                pass
            end.put((turn, seed, won))


def rounds_of(store: Store, workspace: Workspace, processes: int, rounds: int) -> None:
    """Let many processes contend; in each round at least one wins, and each change starts from the one before it."""
    prepare(store, workspace, 4)
    vars(deploying)["check_in_child"] = vars(returning)["check_in_child"] = (
        proven  # 5,000 children would prove the same
    )
    begin, end = FORK.Barrier(processes + 1), FORK.Queue()
    people = [FORK.Process(target=contend, args=(workspace.root, at, rounds, begin, end)) for at in range(processes)]
    for person in people:
        person.start()
    changes = 1
    for _ in range(rounds):
        begin.wait(300)
        wins = sum(end.get(timeout=300)[2] for _ in people)
        production(store)
        moves = moves_of(store.reader, "late", alias="champion", limit=100_000)
        assert wins >= 1
        assert len(moves) == changes + wins
        assert all(one.before == other.after for one, other in itertools.pairwise(moves))
        assert served_at(store.reader, "late", now()).version == production(store)  # type: ignore[union-attr]
        changes += wins
    for person in people:
        person.join(60)
    assert all(person.exitcode == 0 for person in people)


def proven(package: Any, timeout_s: float | None = None) -> ChildVerdict:
    """The child's verdict, without the child."""
    package.verify()
    return ChildVerdict(True, "the same bytes as before", 64, 0.0)


@pytest.fixture
def unproven() -> Iterator[None]:
    """Puts the child back after a test that left it out."""
    before = vars(deploying)["check_in_child"]
    yield
    vars(deploying)["check_in_child"] = vars(returning)["check_in_child"] = before


@pytest.mark.usefixtures("unproven")
def test_ten_processes_promoting_and_rolling_back_leave_an_unbroken_ledger(store: Store, workspace: Workspace) -> None:
    rounds_of(store, workspace, processes=10, rounds=2)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("unproven")
def test_fifty_processes_promoting_and_rolling_back_for_a_hundred_rounds(store: Store, workspace: Workspace) -> None:
    rounds_of(store, workspace, processes=50, rounds=int(os.environ.get("CONTEST_ROUNDS", "100")))
