"""A candidate beside production: the row is the record, limits end it, and nobody waits for ever."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.domain.errors import Busy
from app.domain.rollout import Tally
from app.domain.states import RolloutState
from app.domain.workspace import Workspace
from app.services import registry
from app.services.running import Cancelled, running
from app.services.serving import rollouts
from app.services.serving.rollouts import RolloutVerdict, Window
from app.services.workspaces import OpenProject, open_project
from app.store.engine import Store
from app.store.tables import AuditEvent, Rollout, Run
from tests.learning.made import PROJECT, make_frame, make_project, version_on

TRIAL = """
[serving]
shadow_minutes = 0.0001
canary_share = 0.5
canary_minutes = 0.0001
minimum_requests = 10
maximum_disagreement = 0.5
"""


@pytest.fixture
def project(workspace: Workspace, store: Store) -> OpenProject:
    """A project with version 1 in production and version 2 beside it, and a trial asked for."""
    made = make_project(workspace)
    for version in range(2):
        version_on(store, made, make_frame(500), parameters={"rounds": 3 + version})
    registry.promote_here(store, made, "late", 1, by="ana", reason="first", typed_name="late")
    workspace.project_file("late").write_text(PROJECT + TRIAL)
    return open_project(workspace, "late")


def observe(store: Store, project: OpenProject, seen: Callable[[Rollout], Window | None]) -> RolloutVerdict:
    """Observe version 2 while `seen` plays the gateway."""
    done = threading.Event()

    def gateway() -> None:
        while not done.wait(0.01):
            for trial in rollouts.open_rollouts(store.reader):
                with store.read() as session:
                    row = session.get(Rollout, trial.id)
                assert row is not None
                window = seen(row)
                if window is not None:
                    rollouts.note(store, [window], failed={})

    thread = threading.Thread(target=gateway)
    thread.start()
    try:
        with running(store, project, "deploy", stages=1) as run, run.task("observe") as task:
            return rollouts.observe(task, version_id=2, by="ana", reason="better", look_s=0.02)
    finally:
        done.set()
        thread.join()


def window(row: Rollout, **counts: Any) -> Window:
    return Window(row.id or 0, row.state, "w1", replace(Tally(), **counts))


def test_a_candidate_that_agrees_goes_through_shadow_and_canary(store: Store, project: OpenProject) -> None:
    verdict = observe(store, project, lambda row: window(row, requests=6, rows=6, agreed=5))

    assert verdict.passed, verdict.says
    assert set(verdict.evidence) == {"rollout", "shadow", "canary"}
    with store.read() as session:
        actions = [event.action for event in session.execute(select(AuditEvent)).scalars()]
    assert [action for action in actions if action.startswith("rollout")] == [
        "rollout.began",
        "rollout.moved",
        "rollout.passed",
    ]


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"requests": 20, "errors": 3}, "errors"),
        ({"requests": 20, "rows": 20, "agreed": 2}, "disagreement: 90.0%"),
    ],
)
def test_a_candidate_beyond_a_limit_fails_in_the_shadow(
    store: Store, project: OpenProject, counts: dict[str, int], says: str
) -> None:
    verdict = observe(store, project, lambda row: window(row, **counts))

    assert not verdict.passed
    assert says in verdict.says
    assert verdict.says.startswith("shadow")


def test_without_a_trial_asked_for_the_verdict_is_there_at_once(store: Store, project: OpenProject) -> None:
    (project.workspace.project_file("late")).write_text(PROJECT)
    plain = open_project(project.workspace, "late")

    with running(store, plain, "deploy", stages=1) as run, run.task("observe") as task:
        verdict = rollouts.observe(task, version_id=2, by="ana", reason="better")

    assert verdict.passed
    assert rollouts.open_rollouts(store.reader) == []


def test_too_few_requests_within_the_patience_are_no_proof(store: Store, project: OpenProject) -> None:
    (project.workspace.project_file("late")).write_text(PROJECT + TRIAL + "patience_minutes = 0.001\n")

    verdict = observe(store, open_project(project.workspace, "late"), lambda _row: None)

    assert not verdict.passed
    assert "0 requests" in verdict.says


def test_cancelling_the_run_ends_the_trial(store: Store, project: OpenProject) -> None:
    def cancel(row: Rollout) -> None:
        with store.write() as session:
            session.connection().execute(update(Run).where(col(Run.id) == row.run_id).values(state="cancelled"))

    with pytest.raises(Cancelled):
        observe(store, project, cancel)

    with store.read() as session:
        assert session.execute(select(Rollout)).scalars().one().state is RolloutState.CANCELLED


def test_a_run_that_died_is_taken_up_again_and_a_living_one_is_not_disturbed(
    store: Store, project: OpenProject
) -> None:
    with running(store, project, "deploy", stages=1) as first, first.task("observe") as task:
        begun = rollouts._begin(task, 2, 1, project.file.serving, by="ana", reason="x")
        with (
            running(store, project, "deploy", stages=1) as second,
            second.task("observe") as other,
            pytest.raises(Busy, match="late/2 is being tried"),
        ):
            rollouts.observe(other, version_id=2, by="bo", reason="y")

    with running(store, project, "deploy", stages=1) as third, third.task("observe") as task:
        resumed = rollouts._begin(task, 2, 1, project.file.serving, by="ana", reason="x")

    assert (resumed.key, resumed.run_id) == (begun.key, third.run_id)
