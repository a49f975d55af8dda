"""A run writes its own row, whatever ends it."""

import time

import pytest
from sqlmodel import col, select

from app.domain.errors import Refused
from app.domain.ids import Ref
from app.domain.states import RunState, TaskState
from app.domain.workspace import Workspace
from app.services.running import Cancelled, running
from app.services.workspaces import OpenProject, open_project
from app.store import ledger
from app.store.engine import Store
from app.store.tables import Lease, LogLine, ResourceSample, Run, Task
from tests.domain.test_project import GOOD


@pytest.fixture
def project(workspace: Workspace) -> OpenProject:
    workspace.project_folder("demo").mkdir(parents=True)
    workspace.project_file("demo").write_text(GOOD)
    return open_project(workspace, "demo")


def only_run(store: Store) -> Run:
    with store.read() as session:
        return session.exec(select(Run)).one()


def test_a_run_that_ends_well_has_every_field_of_the_record(store: Store, project: OpenProject) -> None:
    with running(store, project, "train", stages=1) as run, run.task("fit") as task, store.write() as session:
        task.complete(session, says="done", inputs=[Ref("snapshot", "a")], outputs=[Ref("model", "demo/1")])

    row = only_run(store)
    assert row.state is RunState.COMPLETED
    assert row.stages_done == row.stages == 1
    for name in (
        "started_at",
        "finished_at",
        "duration_s",
        "seed",
        "charter_digest",
        "lock_digest",
        "diff",
        "peak_rss_bytes",
    ):
        assert getattr(row, name) is not None, name
    with store.read() as session:
        task_row = session.exec(select(Task)).one()
        assert (task_row.state, task_row.share, task_row.outputs) == (TaskState.COMPLETED, 1.0, '["model:demo/1"]')
        assert session.exec(select(Lease)).all() == []
        assert len(session.exec(select(LogLine)).all()) >= 2
        assert len(session.exec(select(ResourceSample)).all()) >= 1


def test_a_refusal_leaves_a_failed_run_with_its_reason_and_next_step(store: Store, project: OpenProject) -> None:
    with pytest.raises(Refused), running(store, project, "train", stages=1) as run, run.task("fit"):
        raise Refused("one class only", next_step="trainmaster data ls")

    row = only_run(store)
    assert (row.state, row.error, row.next_step) == (RunState.FAILED, "one class only", "trainmaster data ls")
    with store.read() as session:
        assert session.exec(select(Task)).one().state is TaskState.FAILED


def test_an_unexpected_error_is_recorded_with_its_type_and_its_trace_in_the_log(
    store: Store, project: OpenProject
) -> None:
    with pytest.raises(ZeroDivisionError), running(store, project, "train", stages=1):
        _ = 1 / 0

    row = only_run(store)
    assert row.error == "ZeroDivisionError: division by zero"
    with store.read() as session:
        assert any("Traceback" in line.says for line in session.exec(select(LogLine)).all())


def test_a_run_hears_that_it_was_cancelled(store: Store, project: OpenProject) -> None:
    def work_until_cancelled() -> None:
        with running(store, project, "train", stages=1) as run, run.task("fit") as task:
            with store.write() as session:
                row = ledger.find_run(session, run.key)
                row.state = RunState.CANCELLED
                session.add(row)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                task.progress(1, 10)
                time.sleep(0.05)

    with pytest.raises(Cancelled):
        work_until_cancelled()

    assert only_run(store).state is RunState.CANCELLED


def test_a_requested_run_is_taken_once(store: Store, project: OpenProject) -> None:
    with running(store, project, "train", stages=0) as first:
        key = first.key

    with pytest.raises(Refused, match="completed already"), running(store, project, "train", stages=0, run_key=key):
        pass


def test_progress_shows_share_and_time_to_go(store: Store, project: OpenProject) -> None:
    with running(store, project, "train", stages=1) as run, run.task("fit") as task:
        time.sleep(0.02)
        task.progress(1, 4, "round 1 of 4")

        with store.read() as session:
            row = session.exec(select(Task)).one()

    assert row.share == 0.25
    assert row.eta_s is not None
    assert row.eta_s > 0
    assert row.says == "round 1 of 4"


def test_log_lines_of_a_heartbeat_that_could_not_write_come_with_the_next_one(
    store: Store, project: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("disk full")

    with running(store, project, "train", stages=1) as run:
        run.log("said before the disk was full")
        with monkeypatch.context() as patch:
            patch.setattr("app.services.running.leases.renew", refuse)
            with pytest.raises(OSError, match="disk full"):
                run._heart.flush()

    with store.read() as session:
        lines = session.exec(select(LogLine).order_by(col(LogLine.seq))).all()
    assert [line.says for line in lines].count("said before the disk was full") == 1
    assert [line.seq for line in lines] == list(range(len(lines)))
