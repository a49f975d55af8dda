"""fsck finds what is broken, backups are whole, restore exchanges or leaves, heal says who died."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import Busy, Damaged, NotFound, Refused
from app.domain.states import DeploymentState, RunState
from app.domain.workspace import Workspace
from app.services import audit, upkeep
from app.services.workspaces import now, open_store
from app.store import holders, leases, ledger
from app.store.engine import Store
from app.store.queries import runs
from app.store.tables import Deployment
from tests.store.world import BEGIN, World, add_run, make_world


@pytest.fixture
def world(store: Store, workspace: Workspace) -> World:
    log = workspace.features / "flight-delay" / "schedule" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json").write_text("{}")
    return make_world(store)


@contextmanager
def vandal(store: Store) -> Iterator[sqlite3.Connection]:
    """A connection that keeps none of our rules."""
    assert store.file is not None
    connection = sqlite3.connect(store.file, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        yield connection
    finally:
        connection.close()


def test_a_sound_store_has_no_problems(store: Store, workspace: Workspace, world: World) -> None:
    report = upkeep.fsck(store, workspace.features)

    assert report.problems == ()
    assert report.ok
    assert report.checked == {"artifacts": 12, "runs": 7, "snapshots": 2, "feature_sets": 1, "events": 2}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE chunk SET content = x'00' || substr(content, 2)", "chunk 0 is not bytes"),
        ("UPDATE chunk SET content = CAST('x' || substr(content, 2) AS BLOB)", "its bytes were changed"),
        ("DELETE FROM chunk WHERE rowid = 1", "bytes are there"),
        ("UPDATE chunk SET ordinal = 1", "chunk 0 is missing"),
        ("DROP INDEX one_production_version; UPDATE model_version SET stage = 'production'", "are in production"),
        ("UPDATE model_version SET stage = 'archived' WHERE version = 1", "which is archived and not in production"),
        ("UPDATE deployment SET state = 'replaced'", "no active deployment points to it"),
        ("UPDATE run SET state = 'running' WHERE id = 1", "its process is gone"),
        ("UPDATE task SET state = 'running' WHERE id = 1", "its task first says running"),
        ("UPDATE audit_event SET reason = 'nothing happened' WHERE seq = 1", "audit event 1 was changed"),
        ("DELETE FROM audit_event WHERE seq = 1", "audit event 1 is missing"),
        ("PRAGMA ignore_check_constraints=ON; UPDATE metric SET value = NULL WHERE key = 'auc'", "no single number"),
        ("UPDATE metric SET value = 'high' WHERE key = 'auc'", "no single number"),
        ("UPDATE snapshot SET rows = 91 WHERE source = 'flights'", "do not balance"),
        ("DELETE FROM quarantined_row WHERE id = 1", "10 rows went to quarantine, 9 are there"),
        ("""UPDATE feature_set SET views = replace(views, '"version": 0', '"version": 7')""", "version 7 of its table"),
        ("UPDATE feature_set SET views = 'nonsense'", "has no list of views"),
        ("DELETE FROM project", "refers to a row of project that is not there"),
    ],
)
def test_each_broken_promise_is_found_and_named(
    store: Store, workspace: Workspace, world: World, damage: str, says: str
) -> None:
    with vandal(store) as connection:
        connection.executescript(damage)

    report = upkeep.fsck(store, workspace.features)

    assert not report.ok
    assert any(says in problem.says for problem in report.problems), report.problems
    assert all(problem.next_step.startswith("trainmaster ") and problem.thing for problem in report.problems)


def test_a_page_that_was_overwritten_is_a_problem_and_no_crash(
    store: Store, workspace: Workspace, world: World
) -> None:
    assert store.file is not None
    root = store.reader.value("SELECT rootpage FROM sqlite_master WHERE name = 'log_line'")
    store.close()
    with store.file.open("r+b") as stream:
        stream.seek((root - 1) * 4096)
        stream.write(os.urandom(4096))

    report = upkeep.fsck(store, workspace.features)

    assert not report.ok
    assert report.problems[0].next_step == "trainmaster store restore BACKUP"


def test_the_audit_log_is_verified_in_batches(store: Store, world: World) -> None:
    whole = audit.verify(store, batch=1)
    with vandal(store) as connection:
        connection.execute("UPDATE audit_event SET actor = 'ben' WHERE seq = 2")

    broken = audit.verify(store, batch=1)

    assert (whole.ok, whole.events, whole.problems) == (True, 2, ())
    assert (broken.ok, broken.problems) == (False, ("audit event 2 was changed after it was written",))


def test_a_backup_is_whole_while_others_write_and_carries_its_digest(
    store: Store, workspace: Workspace, world: World
) -> None:
    target = upkeep.next_backup(workspace)
    with store.write() as session:
        add_run(session, 1, "train")
        made = upkeep.backup(store, target)

    with sqlite3.connect(target) as connection:
        count = connection.execute("SELECT count(*) FROM run").fetchone()[0]

    assert count == 7  # what was not committed is not in it
    assert made.digest in target.with_name(target.name + ".sha256").read_text()
    assert target.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in workspace.backups.iterdir() if file.name.startswith(".")] == []


def test_a_backup_never_overwrites(store: Store, tmp_path: Path) -> None:
    (tmp_path / "taken.db").write_text("mine")

    with pytest.raises(Refused, match="exists already"):
        upkeep.backup(store, tmp_path / "taken.db")

    assert (tmp_path / "taken.db").read_text() == "mine"


def test_a_damaged_store_makes_no_backup(store: Store, world: World, tmp_path: Path) -> None:
    assert store.file is not None
    root = store.reader.value("SELECT rootpage FROM sqlite_master WHERE name = 'run'")
    store.close()
    with store.file.open("r+b") as stream:
        stream.seek((root - 1) * 4096)
        stream.write(b"\xff" * 4096)

    with pytest.raises(Damaged):
        upkeep.backup(store, tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


def test_restore_puts_a_backup_back_and_keeps_the_old_store(workspace: Workspace) -> None:
    with open_store(workspace) as store:
        world = make_world(store)
        backup = upkeep.backup(store, workspace.backups / "good.db")
        with store.write() as session:
            add_run(session, 1, "train")

    done = upkeep.restore(workspace, Path(backup.file))

    with open_store(workspace) as store:
        assert runs.count_of_runs(store.reader) == 7
        assert store.reader.value("SELECT name FROM project") == world.project
        assert not [file for file in workspace.state.iterdir() if "restore" in file.name]
    assert done.kept_aside is not None
    with sqlite3.connect(done.kept_aside) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone()[0] == 8


def test_restore_mends_a_store_that_is_no_database_any_more(workspace: Workspace) -> None:
    with open_store(workspace) as store:
        make_world(store)
        backup = upkeep.backup(store, workspace.backups / "good.db")
    workspace.store_file.write_bytes(b"gone" * 5000)

    done = upkeep.restore(workspace, Path(backup.file))

    with open_store(workspace) as store:
        assert runs.count_of_runs(store.reader) == 7
    assert done.kept_aside is not None
    assert Path(done.kept_aside).read_bytes().startswith(b"gone")


def test_a_restore_that_fails_at_the_last_step_leaves_the_store_as_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("no more power")

    with open_store(workspace) as store:
        make_world(store)
        backup = upkeep.backup(store, workspace.backups / "good.db")
        with store.write() as session:
            add_run(session, 1, "train")
    monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(OSError, match="no more power"):
        upkeep.restore(workspace, Path(backup.file))

    monkeypatch.undo()
    with open_store(workspace) as store:
        assert runs.count_of_runs(store.reader) == 8
        assert upkeep.fsck(store, workspace.features).checked["runs"] == 8
    assert not [file for file in workspace.state.iterdir() if "restore" in file.name]


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "changed", "foreign", "newer"])
def test_restore_refuses_what_is_not_a_whole_store_of_ours(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "copy.db"
    with open_store(workspace) as store:
        make_world(store)
        if kind != "foreign":
            upkeep.backup(store, source)
    before = workspace.store_file.read_bytes()
    match kind:
        case "missing":
            source.unlink()
        case "text":
            source.write_text("not a database" * 100)
        case "truncated":
            source.write_bytes(source.read_bytes()[:40_960])
        case "changed":
            with sqlite3.connect(source) as connection:
                connection.execute("UPDATE run SET flow = 'x'")
        case "foreign":
            with sqlite3.connect(source) as connection:
                connection.execute("CREATE TABLE theirs (x)")
        case _:
            source.with_name(source.name + ".sha256").unlink()
            with sqlite3.connect(source) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises((NotFound, Damaged, Refused)) as caught:
        upkeep.restore(workspace, source)

    assert caught.value.next_step
    assert workspace.store_file.read_bytes() == before


def test_restore_waits_for_nobody_who_lives(workspace: Workspace) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        holder = holders.holder_of(sleeper.pid)
        with open_store(workspace) as store:
            backup = upkeep.backup(store, workspace.backups / "good.db")
            with store.write() as session:
                leases.take(session, "service", "watcher", now(), holder=holder)

        with pytest.raises(Busy, match="service watcher lives") as caught:
            upkeep.restore(workspace, Path(backup.file))

        assert caught.value.next_step == "trainmaster down"
    finally:
        sleeper.kill()
        sleeper.wait()


def test_restore_refuses_while_another_has_the_store_open(workspace: Workspace) -> None:
    with open_store(workspace) as store:
        backup = upkeep.backup(store, workspace.backups / "good.db")
        store.reader.rows("SELECT 1")

        with pytest.raises(Busy, match="has the store open"):
            upkeep.restore(workspace, Path(backup.file))


def test_a_run_whose_process_is_gone_is_healed_once(store: Store, workspace: Workspace, world: World) -> None:
    with store.write() as session:
        run = add_run(session, 1, "train", at=now() - timedelta(minutes=5), state=RunState.RUNNING)
        lease = leases.find(session, ledger.RUN_LEASE, run.key)
        assert lease is not None
        lease.pid, lease.process_started = 2**22 - 1, 1.0

    first, second = upkeep.heal(store), upkeep.heal(store)

    detail = runs.run_detail(store.reader, run.key)
    assert [healed.thing for healed in first] == [f"run:{run.key}"]
    assert second == []
    assert detail.row.state == "crashed"
    assert detail.row.next_step == f"trainmaster runs logs {run.key}"
    assert {task.state for task in runs.tasks_of(store.reader, run.key)} == {"crashed"}
    assert store.reader.value("SELECT count(*) FROM audit_event WHERE action = 'run.crashed'") == 1
    assert upkeep.fsck(store, workspace.features).ok


def test_a_run_that_lives_is_left_alone_however_late_its_heartbeat_is(store: Store, world: World) -> None:
    with store.write() as session:
        run = add_run(session, 1, "train", at=BEGIN, state=RunState.RUNNING)

    healed = upkeep.heal(store)

    assert healed == []
    assert runs.run_detail(store.reader, run.key).row.state == "running"


def test_a_deployment_that_a_dead_run_was_building_fails_and_the_old_one_serves(store: Store, world: World) -> None:
    with store.write() as session:
        run = add_run(session, 1, "deploy", state=RunState.CRASHED)
        session.add(
            Deployment(
                key="b" * 12,
                project_id=1,
                version_id=2,
                run_id=run.id,
                state=DeploymentState.BUILDING,
                created_at=BEGIN,
                changed_at=BEGIN,
            )
        )

    first, second = upkeep.heal(store), upkeep.heal(store)

    states = {row["key"]: row["state"] for row in store.reader.rows("SELECT key, state FROM deployment")}
    assert [healed.thing for healed in first] == ["deployment:" + "b" * 12]
    assert second == []
    assert states == {"b" * 12: "failed", world.deployment: "active"}
