"""A candidate beside production: the row is the record, limits end it, and nobody waits for ever."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
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
from app.services.serving import rollouts, trying
from app.services.serving.rollouts import Window
from app.services.serving.trying import RolloutVerdict
from app.services.upkeep import heal
from app.services.workspaces import OpenProject, now, open_project, open_store
from app.store import audit
from app.store.engine import Store
from app.store.queries import aliases
from app.store.tables import AuditEvent, Rollout, Run
from tests.learning.made import PROJECT

TRIAL = """
[serving]
shadow_minutes = 0.0001
canary_share = 0.5
canary_minutes = 0.0001
minimum_requests = 10
maximum_disagreement = 0.5
"""


@pytest.fixture
def workspace(tmp_path: Path, two_versions: Path) -> Workspace:
    """A workspace with version 1 in production and version 2 beside it."""
    return Workspace(shutil.copytree(two_versions, tmp_path / "workspace"))


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    """Its store."""
    with open_store(workspace) as opened:
        yield opened


@pytest.fixture
def project(workspace: Workspace) -> OpenProject:
    """Its project, which asks for a trial."""
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
            return trying.observe(task, version_id=2, by="ana", reason="better", look_s=0.02)
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
        verdict = trying.observe(task, version_id=2, by="ana", reason="better")

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
        begun = trying._begin(task, 2, 1, project.file.serving, by="ana", reason="x")
        with (
            running(store, project, "deploy", stages=1) as second,
            second.task("observe") as other,
            pytest.raises(Busy, match="late/2 is being tried"),
        ):
            trying.observe(other, version_id=2, by="bo", reason="y")

    with running(store, project, "deploy", stages=1) as third, third.task("observe") as task:
        resumed = trying._begin(task, 2, 1, project.file.serving, by="ana", reason="x")

    assert (resumed.key, resumed.run_id) == (begun.key, third.run_id)


def watch_of(store: Store) -> list[tuple[str, str]]:
    """State and words of every rollout, in order."""
    with store.read() as session:
        return [
            (str(row.state), row.says) for row in session.execute(select(Rollout).order_by(col(Rollout.id))).scalars()
        ]


def test_a_promotion_is_watched_until_production_changes_again(store: Store, project: OpenProject) -> None:
    project.workspace.project_file("late").write_text(PROJECT)
    plain = open_project(project.workspace, "late")

    registry.promote_here(store, plain, "late", 2, by="ana", reason="better", typed_name="late")
    watched = rollouts.open_rollouts(store.reader)
    registry.rollback(store, "late", by="ana", reason="worse")

    assert [(one.version, one.production_id, str(one.state)) for one in watched] == [(1, 2, "watch")]
    assert watch_of(store) == [("cancelled", "watch: v1 took its place")]


def test_a_watch_that_failed_gives_production_back_once_and_only_while_its_version_serves(
    store: Store, project: OpenProject
) -> None:
    project.workspace.project_file("late").write_text(PROJECT)
    plain = open_project(project.workspace, "late")
    registry.promote_here(store, plain, "late", 2, by="ana", reason="better", typed_name="late")

    done = registry.fall_back(store, project.workspace, 1, "errors: 9% of 100 requests")
    again = registry.fall_back(store, project.workspace, 1, "errors: 9% of 100 requests")

    assert done is not None
    assert (done.version, done.replaced, again) == (1, 2, None)
    assert watch_of(store) == [("failed", "watch: errors: 9% of 100 requests")]
    assert aliases.served_at(store.reader, "late", now()).version == 1  # type: ignore[union-attr]
    with store.read() as session:
        assert audit.broken_links(session.execute(select(AuditEvent)).scalars()) == []


def test_without_minutes_nothing_is_watched(store: Store, project: OpenProject) -> None:
    project.workspace.project_file("late").write_text(PROJECT + "[serving]\nwatch_minutes = 0\n")
    plain = open_project(project.workspace, "late")

    registry.promote_here(store, plain, "late", 2, by="ana", reason="better", typed_name="late")

    assert watch_of(store) == []


def test_a_trial_whose_run_was_killed_is_ended_by_the_reconciler(store: Store, project: OpenProject) -> None:
    with running(store, project, "deploy", stages=1) as run, run.task("observe") as task:
        trying._begin(task, 2, 1, project.file.serving, by="ana", reason="x")
    with store.write() as session:
        session.connection().execute(update(Rollout).values(watched_until=now() - timedelta(minutes=2)))

    healed = heal(store)

    assert [(one.thing, one.says) for one in healed] == [("model:late/2", "nobody waits for it any more")]
    assert heal(store) == []
