"""Promotion, deployment and the way back, on a real store with real models."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.domain.errors import Damaged, Refused
from app.domain.states import DeploymentState, Stage
from app.domain.workspace import Workspace
from app.learning.loader import LoadedModel
from app.services import registry, serving
from app.services.registry import smoking, switching
from app.services.running import running
from app.services.workspaces import OpenProject, open_project
from app.store import audit
from app.store.engine import Store
from app.store.tables import AuditEvent, Deployment, LineageEdge, ModelVersion, Run, StageTransition
from tests.learning.made import PROJECT, make_frame, make_project, train_on, version_on


@pytest.fixture
def project(workspace: Workspace) -> OpenProject:
    """A committed project."""
    return make_project(workspace)


def register_versions(store: Store, project: OpenProject, count: int) -> None:
    """Versions that pass their gates."""
    for version in range(count):
        version_on(store, project, make_frame(), parameters={"rounds": 10 + version})


def promote(store: Store, project: OpenProject, version: int) -> registry.Switched:
    """Promote here, as a person would."""
    return registry.promote_here(store, project, "late", version, by="ana", reason="better", typed_name="late")


def stages(store: Store) -> dict[int, Stage]:
    """The stage of each version."""
    with store.read() as session:
        return {row.version: row.stage for row in session.execute(select(ModelVersion)).scalars()}


def test_a_promotion_moves_production_and_tells_everybody(store: Store, project: OpenProject) -> None:
    register_versions(store, project, 2)

    first = promote(store, project, 1)
    second = promote(store, project, 2)

    assert (first.replaced, second.replaced) == (None, 1)
    assert stages(store) == {1: Stage.ARCHIVED, 2: Stage.PRODUCTION}
    with store.read() as session:
        deployments = session.execute(select(Deployment).order_by(text("id"))).scalars().all()
        assert [row.state for row in deployments] == [DeploymentState.REPLACED, DeploymentState.ACTIVE]
        edges = session.execute(select(LineageEdge)).scalars().all()
        assert {(e.from_key, e.to_kind) for e in edges if e.kind == "deployed"} == {
            ("late/1", "deployment"),
            ("late/2", "deployment"),
        }
        actions = [event.action for event in session.execute(select(AuditEvent)).scalars()]
        assert actions.count("model.promoted") == 2
        assert audit.broken_links(session.execute(select(AuditEvent)).scalars()) == []


def test_a_rollback_puts_the_previous_version_back_in_under_two_seconds(
    store: Store, workspace: Workspace, project: OpenProject
) -> None:
    register_versions(store, project, 2)
    promote(store, project, 1)
    promote(store, project, 2)

    back = registry.rollback(store, "late", by="ana", reason="worse on Mondays")

    assert (back.version, back.replaced) == (1, 2)
    assert back.seconds < 2
    assert stages(store) == {1: Stage.PRODUCTION, 2: Stage.ARCHIVED}
    with store.read() as session:
        last = session.execute(select(StageTransition).order_by(text("id DESC"))).scalars().first()
        assert last is not None
        assert last.undoes_id is not None


def test_undo_takes_a_rollback_back_and_a_promotion_too(
    store: Store, workspace: Workspace, project: OpenProject
) -> None:
    register_versions(store, project, 2)
    promote(store, project, 1)
    promote(store, project, 2)

    after_undo = registry.undo(store, "late", by="ana")
    after_redo = registry.undo(store, "late", by="ana")

    assert (after_undo.version, after_redo.version) == (1, 2)


def test_rollbacks_walk_back_one_version_each_until_there_is_none(
    store: Store, workspace: Workspace, project: OpenProject
) -> None:
    register_versions(store, project, 3)
    for version in (1, 2, 3):
        promote(store, project, version)

    versions = [registry.rollback(store, "late", by="ana", reason="why").version for _ in range(2)]

    assert versions == [2, 1]
    with pytest.raises(Refused, match="no other version"):
        registry.rollback(store, "late", by="ana", reason="why")


def test_a_plan_names_what_changes_and_the_same_act_as_a_command(store: Store, project: OpenProject) -> None:
    register_versions(store, project, 2)
    promote(store, project, 1)

    plan = registry.plan_promotion(store, "late", "late", 2)

    assert plan.allowed
    assert plan.replaces == 1
    assert "v1 → v2" in plan.changes[0]
    assert plan.command == "trainmaster models promote late 2 --reason REASON --confirm late"
    assert {gate.gate for gate in plan.gates} >= {"finite", "baseline", "production", "commit", "package"}
    assert set(plan.metrics) == {"auc", "log_loss", "accuracy", "average_precision", "brier", "ece"}


def test_a_promotion_without_the_typed_name_a_reason_or_the_gates_is_refused(
    store: Store, workspace: Workspace
) -> None:
    dirty = make_project(workspace, commit=False)
    train_on(store, dirty, make_frame())

    with pytest.raises(Refused, match="typed name"):
        registry.promote(store, "late", "late", 1, by="ana", reason="x", typed_name="lat")
    with pytest.raises(Refused, match="reason"):
        registry.promote(store, "late", "late", 1, by="ana", reason=" ", typed_name="late")
    with pytest.raises(Refused, match="commit"):
        registry.promote(store, "late", "late", 1, by="ana", reason="x", typed_name="late")

    assert stages(store) == {1: Stage.STAGING}
    with store.read() as session:
        assert session.execute(select(Run).where(text("flow = 'deploy'"))).first() is None


def test_a_request_waits_as_a_run_and_a_second_one_is_refused(store: Store, project: OpenProject) -> None:
    register_versions(store, project, 2)

    asked = registry.promote(store, "late", "late", 1, by="ana", reason="first", typed_name="late")

    with store.read() as session:
        run = session.execute(select(Run).where(text("flow = 'deploy'"))).scalars().one()
        assert run.key == asked.run
        assert json.loads(run.parameters)["version"] == 1
    with pytest.raises(Refused, match="about to change production"):
        registry.promote(store, "late", "late", 2, by="ben", reason="mine", typed_name="late")


DAMAGES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "truncated": lambda model, other: model[: len(model) // 2],
    "flipped": lambda model, other: model[:-40] + bytes([model[-40] ^ 1]) + model[-39:],
    "swapped": lambda model, other: other,
    "pickled": lambda model, other: b"\x80\x04\x95cposix\nsystem\n",
    "empty": lambda model, other: b"",
}


def never(*_: object, **__: object) -> None:
    """A parser that must not see these bytes."""
    raise AssertionError("a parser saw damaged bytes")


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damaged_model_bytes_leave_production_and_its_answers_as_they_were(
    store: Store, project: OpenProject, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_versions(store, project, 2)
    promote(store, project, 1)
    before = LoadedModel(registry.read_package(store, "late")[1]).predict([{"hour": 20, "wind": 30, "carrier": "UA"}])
    registry.judge_again(store, project, "late", 2, by="ana")
    with store.write() as session:
        row = registry.find_version(session, "late", 2)
        mine, other = (registry.package_of(session, registry.find_version(session, "late", at)).model for at in (2, 1))
        session.connection().execute(
            text("UPDATE chunk SET content = :c WHERE artifact = :a"),
            {"a": row.model_bytes, "c": DAMAGES[damage](mine, other)},
        )

    with monkeypatch.context() as patched, pytest.raises(Damaged):
        patched.setattr("app.learning.parser.parse", never)
        patched.setattr("app.services.registry.deploying.check_in_child", never)
        promote(store, project, 2)

    version, package = registry.read_package(store, "late")
    assert version.version == 1
    assert LoadedModel(package).predict([{"hour": 20, "wind": 30, "carrier": "UA"}]) == before
    with store.read() as session:
        failed = session.execute(select(Deployment).where(text("state = 'failed'"))).scalars().one()
        assert "digest" in failed.verdict


def test_a_promotion_that_expected_another_production_is_refused(store: Store, project: OpenProject) -> None:
    register_versions(store, project, 2)
    asked = registry.promote(store, "late", "late", 1, by="ana", reason="first", typed_name="late")
    promote(store, project, 2)

    with (
        pytest.raises(Refused, match="somebody else was faster"),
        running(store, project, "deploy", stages=3, run_key=asked.run) as run,
        run.task("check") as task,
    ):
        registry.check(task)

    assert stages(store) == {1: Stage.STAGING, 2: Stage.PRODUCTION}


@pytest.fixture
def gateway(workspace: Workspace) -> Iterator[None]:
    """The real gateway of the workspace, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workspace.ports_file.write_text(json.dumps({"gateway": port}))
    command = [sys.executable, "-m", "app.gateway", "--workspace", str(workspace.root), "--port", str(port)]
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    yield
    server.terminate()
    server.wait(20)


@pytest.mark.services
def test_after_a_rollback_the_gateway_gives_the_stored_bytes_within_two_seconds(
    store: Store, workspace: Workspace, project: OpenProject, gateway: None
) -> None:
    register_versions(store, project, 2)
    for version in (1, 2):
        promote(store, project, version)
        deadline = time.monotonic() + 60
        while registry.confirm(store, workspace, "late", version).equal is not True:
            assert time.monotonic() < deadline

    begun = time.monotonic()
    back = registry.rollback(store, "late", by="ana", reason="worse on Mondays")
    confirmed = registry.confirm(store, workspace, "late", back.version)

    assert confirmed.equal is True, confirmed.says
    assert "to the last bit" in back.proof
    assert time.monotonic() - begun < 2


RECORD = {"hour": 20, "wind": 30, "carrier": "UA"}


def answering(store: Store, workspace: Workspace, version: int) -> object:
    """What the gateway says of a record, once a version answers."""
    deadline = time.monotonic() + 60
    while registry.confirm(store, workspace, "late", version).equal is not True:
        assert time.monotonic() < deadline
    answer = serving.ask(workspace, "late", [RECORD])
    return answer["version"], answer["predictions"]


@pytest.mark.services
def test_a_smoke_test_and_a_switch_that_fail_leave_the_pointer_and_the_answers_unchanged(
    store: Store, workspace: Workspace, gateway: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(workspace)
    register_versions(store, project, 2)
    promote(store, project, 1)
    project = make_project(workspace, PROJECT.replace("server_smoke = false", "server_smoke = true"))
    answered = answering(store, workspace, 1)
    with store.read() as session:
        before = session.execute(select(Deployment)).scalars().all()
    stored = smoking._post

    def wrong(port: int, token: str, path: str, document: Mapping[str, object]) -> tuple[int, dict[str, object]]:
        status, answer = stored(port, token, path, document)
        answers = answer["predictions"]
        assert isinstance(answers, list)
        return status, {**answer, "predictions": [answers[0] + 1e-9, *answers[1:]]}

    with monkeypatch.context() as patched, pytest.raises(Refused, match="smoke test: the server's answers differ"):
        patched.setattr(smoking, "_post", wrong)
        promote(store, project, 2)
    make_project(workspace)

    def half(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="the disk is full"):
        patched.setattr(switching, "_point", half)
        promote(store, open_project(workspace, "late"), 2)

    assert answering(store, workspace, 1) == answered
    assert stages(store) == {1: Stage.PRODUCTION, 2: Stage.STAGING}
    with store.read() as session:
        after = session.execute(select(Deployment)).scalars().all()
    assert [row.state for row in after] == [*(row.state for row in before), *[DeploymentState.FAILED] * 2]
    assert "smoke" in after[-2].verdict
    assert "the disk is full" in after[-1].verdict
