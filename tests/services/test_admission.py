"""A run begins when it fits; it waits, or is refused, with a row that says why; estimates meet what came."""

import math

import pytest
from sqlmodel import select

from app.domain.errors import Refused
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.machine.admission import Memory
from app.services import admission, estimating
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.tables import Admission, Estimate, Project
from tests.learning.made import make_feature_set, make_project

GB = 1 << 30


@pytest.fixture
def project(workspace: Workspace, store: Store) -> OpenProject:
    """A project that has a version of its features, on paper."""
    made = make_project(workspace, commit=False)
    with running(store, made, "features", stages=0) as run:
        make_feature_set(run)
    return made


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> list[Memory]:
    """What the machine has; the last value counts."""
    seen = [Memory(8 * GB, 8 * GB)]
    monkeypatch.setattr(admission, "read_memory", lambda: seen[-1])
    monkeypatch.setattr(admission, "LOOK_S", 0.02)
    return seen


def decisions(store: Store) -> list[tuple[str, str]]:
    with store.read() as session:
        return [(row.decision, row.says) for row in session.exec(select(Admission).order_by("id")).all()]


def test_a_run_that_fits_begins_and_its_estimate_is_compared_with_what_it_needed(
    store: Store, project: OpenProject, memory: list[Memory]
) -> None:
    with running(store, project, "train", stages=0) as run:
        admission.admit(run)

    assert [decision for decision, _ in decisions(store)] == ["admitted"]
    with store.read() as session:
        row = session.exec(select(Estimate)).one()
    assert row.basis == "small fits"
    assert row.seconds_low < row.seconds < row.seconds_high
    assert row.actual_seconds is not None
    assert row.actual_rss_bytes is not None
    assert row.actual_rss_bytes > 1 << 20
    again = estimating.estimate(store, project)
    assert again.basis == "past runs"
    assert again.tracked[0].run == run.key
    assert again.typical_error is not None


def test_the_share_of_runs_that_lay_inside_their_interval_is_told_and_bad_ones_of_the_same_kind_widen_it(
    store: Store, project: OpenProject, memory: list[Memory]
) -> None:
    def seconds_are(value: float) -> None:
        with store.write() as session:
            row = session.exec(select(Estimate).order_by("id")).all()[-1]
            row.actual_seconds, row.actual_rss_bytes = value * row.seconds, row.rss_bytes

    for took in (9.0, 1.0, 1.0, 8.0):  # the first is foretold by small fits, whose error says nothing of past runs
        if took == 8.0:
            before = estimating.estimate(store, project)
        with running(store, project, "train", stages=0) as run:
            admission.admit(run)
        seconds_are(took)
    after = estimating.estimate(store, project)

    assert before.coverage == pytest.approx(2 / 3)
    assert after.coverage == 0.5
    narrow, wide = (math.log(found.seconds.high / found.seconds.value) for found in (before, after))
    assert narrow < 0.3 < 1 < wide


def test_the_first_estimate_of_a_project_learns_from_what_others_took_on_this_machine(
    store: Store, project: OpenProject, workspace: Workspace, memory: list[Memory]
) -> None:
    with running(store, project, "train", stages=1) as run:
        admission.admit(run)
        with run.task("fit") as task, store.write() as session:
            task.complete(session)
    with store.write() as session:
        row = session.exec(select(Estimate)).one()
        row.actual_seconds, row.actual_rss_bytes = 60.0, 100 << 20
        other = Project(name="other", title="", created_at=row.created_at)
        session.add(other)
        session.flush()
        assert other.id is not None
        row.project_id = other.id

    found = estimating.estimate(store, project)

    assert found.basis == "small fits"
    assert found.seconds.value > 25, "half of that minute does not grow with the rows"
    assert found.rss_bytes.value == 100 << 20


def test_a_search_is_admitted_by_what_its_trials_and_its_child_need(
    store: Store, project: OpenProject, memory: list[Memory]
) -> None:
    with running(store, project, "experiment", stages=0) as run:
        admission.admit_search(run)
    memory.append(Memory(GB // 4, GB // 4))

    with (
        pytest.raises(Refused, match="refused before it began"),
        running(store, project, "experiment", stages=0) as run,
    ):
        admission.admit_search(run)

    assert [decision for decision, _ in decisions(store)] == ["admitted", "refused"]
    once, search = estimating.estimate(store, project), estimating.estimate_search(store, project)
    assert once.basis == "small fits", "a search says nothing about one training"
    assert search.rss_bytes.value > once.rss_bytes.value
    assert search.seconds.value > once.seconds.value


def test_a_run_that_can_never_fit_is_refused_before_it_begins(
    store: Store, project: OpenProject, memory: list[Memory]
) -> None:
    memory.append(Memory(GB // 4, GB // 4))

    with (
        pytest.raises(Refused, match=r"refused before it began: needs 0\.3 GB"),
        running(store, project, "train", stages=0) as run,
    ):
        admission.admit(run)

    assert [decision for decision, _ in decisions(store)] == ["refused"]
    assert store.reader.value("SELECT error FROM run WHERE flow = 'train'").startswith("refused before it began")


def test_a_run_waits_as_a_task_until_there_is_memory(
    store: Store, project: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([GB // 3, GB // 3, GB // 3])
    monkeypatch.setattr(admission, "read_memory", lambda: Memory(8 * GB, next(free, 4 * GB)))
    monkeypatch.setattr(admission, "LOOK_S", 0.02)

    with running(store, project, "train", stages=0) as run:
        admission.admit(run)

    assert next(free, None) is None
    assert [decision for decision, _ in decisions(store)] == ["queued", "admitted"]
    task = store.reader.rows("SELECT name, state FROM task")[0]
    assert (task["name"], task["state"]) == (admission.WAIT, "completed")
    assert store.reader.value("SELECT state FROM run WHERE flow = 'train'") == RunState.COMPLETED
