"""Roles in the services: whatever door or script an act comes through, the workspace's people decide."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain.errors import Refused
from app.domain.roles import ACTS, PROGRAM, Permission
from app.domain.states import CauseKind, Stage
from app.domain.workspace import Workspace
from app.services import registry
from app.services.running import running
from app.services.workspaces import OpenProject, actor, now, open_project, open_store
from app.store.engine import Store
from app.store.tables import AuditEvent, Run

Act = Callable[[Store, OpenProject, str], object]
PEOPLE = '[people]\nana = "R3"\nben = ["R6"]\nrita = "R1"\n'
NEEDS_R6: dict[str, Act] = {
    "promote": lambda store, _, who: registry.promote(
        store, "late", "late", 2, by=who, reason="better", typed_name="late"
    ),
    "promote here": lambda store, project, who: registry.promote_here(
        store, project, "late", 2, by=who, reason="better", typed_name="late"
    ),
    "roll back": lambda store, _, who: registry.rollback(store, "late", by=who, reason="worse"),
    "undo": lambda store, _, who: registry.undo(store, "late", by=who),
    "stage": lambda store, _, who: registry.stage(store, "late", 2, Stage.ARCHIVED, by=who, reason="old"),
    "alias": lambda store, _, who: registry.point(store, "late", "best", 2, by=who, reason="it is"),
}


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
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> OpenProject:
    """Its project, where people have roles."""
    workspace.marker.write_text(PEOPLE)
    monkeypatch.setenv("TRAINMASTER_ACTOR", "ben")
    return open_project(workspace, "late")


def rows(store: Store) -> tuple[int, int]:
    """How many events and runs there are."""
    with store.read() as session:
        return len(session.execute(select(AuditEvent)).all()), len(session.execute(select(Run)).all())


def test_a_script_that_acts_as_somebody_else_is_refused_and_nothing_is_written(
    store: Store, project: OpenProject
) -> None:
    before = rows(store)

    for act in NEEDS_R6.values():
        with pytest.raises(Refused, match=r"ana has R3: \S+ needs R6"):
            act(store, project, "ana")
    with pytest.raises(Refused, match=r"carl has no role: model\.approved needs R1"):
        registry.approve(store, "late", 2, by="carl")
    with pytest.raises(Refused, match=r"carl has no role: gate\.waived"):
        registry.waive(store, "late", 2, "minimum", by="carl", reason="why", until=now() + timedelta(days=1))

    assert rows(store) == before


def test_whose_role_allows_it_may(store: Store, project: OpenProject) -> None:
    approved = registry.approve(store, "late", 2, by="rita", reason="worth it")
    done = registry.promote_here(store, project, "late", 2, by="ben", reason="better", typed_name="late")

    assert approved.by == "rita"
    assert done.version == 2


def test_a_person_whose_role_runs_nothing_starts_no_run_and_the_program_does(
    store: Store, project: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINMASTER_ACTOR", "rita")

    with (
        pytest.raises(Refused, match=r"rita has R1: run\.requested needs"),
        running(store, project, "train", stages=1),
    ):
        pass
    with running(store, project, "train", stages=1, cause=CauseKind.SCHEDULE) as run:
        assert run.actor == "rita"


def test_nobody_acts_under_a_name_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINMASTER_ACTOR", "gateway")

    assert actor() not in PROGRAM


def test_what_a_person_does_needs_more_than_to_look() -> None:
    assert Permission.VIEW not in ACTS.values()
    assert {ACTS["model.promoted"], ACTS["model.rolled_back"], ACTS["alias.moved"]} == {Permission.PROMOTE}
