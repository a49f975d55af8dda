"""Opening the store and writing to it: what is refused, and that a refusal leaves nothing."""

import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from app.domain.errors import BadInput, Damaged, NotFound, Refused
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.services.workspaces import open_store
from app.store import ledger
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.queries.runs import metrics_of, points_of
from app.store.reader import Reader
from app.store.tables import Artifact, Project, ResourceSample, Run

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAIVE = NOW.replace(tzinfo=None)
ODD_NAMES = ["what?.db", "100%41.db", "a#b.db", "two words.db", "q?mode=memory&x=1.db", "ünï.db"]


def run_of(session: Session, name: str = "demo") -> Run:
    project = Project(name=name, created_at=NOW)
    session.add(project)
    session.flush()
    assert project.id is not None
    return ledger.request_run(session, flow="train", project_id=project.id, requested_by="ana", now=NOW)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    store = Store.of_file(file)

    migrate(store)
    with store.write() as session:
        session.add(Project(name="demo", created_at=NOW))
    seen = Reader.of_file(file).value("SELECT name FROM project")

    store.close()
    assert seen == "demo"
    assert {
        entry.name.removesuffix("-wal").removesuffix("-shm").removesuffix(".lock") for entry in tmp_path.iterdir()
    } == {name}
    assert store.file == file


def test_a_reader_says_that_there_is_no_store_and_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "none.db"

    with pytest.raises(NotFound, match="no store at"):
        Reader.of_file(file)
    with pytest.raises(NotFound, match="no store at"):
        Reader.of_url(f"sqlite:///{file}").rows("SELECT 1")

    assert not file.exists()


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(Refused, match="may not be written"):
        store.reader.rows("DELETE FROM project")


def test_a_file_that_is_no_database_is_named_with_a_next_step(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_bytes(b"PK\x03\x04" + b"not sqlite" * 1000)
    store = Store.of_file(file)

    with pytest.raises(Damaged, match="not a Trainmaster store") as caught:
        migrate(store)

    assert caught.value.where == str(file)
    assert "store restore" in (caught.value.next_step or "")


@pytest.mark.parametrize("kept", [50, 4096, 40_000])
def test_a_truncated_store_is_damaged_and_says_so(store: Store, kept: int) -> None:
    assert store.file is not None
    with store.write() as session:
        session.add(Project(name="demo", created_at=NOW))
    store.close()
    whole = store.file.read_bytes()
    store.file.write_bytes(whole[:kept])
    broken = Store.of_file(store.file)

    with pytest.raises(Damaged) as caught:
        migrate(broken)

    assert "store restore" in (caught.value.next_step or "")
    broken.close()


def test_a_store_that_breaks_while_it_is_open_gives_one_clear_error(store: Store) -> None:
    assert store.file is not None
    with store.write() as session:
        run_of(session)
        session.connection().exec_driver_sql("CREATE TABLE big (x)")
    store.close()
    content = bytearray(store.file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    store.file.write_bytes(content)

    with pytest.raises(Damaged):
        store.reader.rows("SELECT * FROM run")
    with pytest.raises(Damaged), store.read() as session:
        session.connection().exec_driver_sql("SELECT * FROM run").fetchall()
    with pytest.raises(Damaged), store.write() as session:
        run_of(session, "other")


def test_a_folder_that_cannot_hold_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(Refused, match="cannot be made") as caught:
        Store.of_file(tmp_path / "file" / "store.db")

    assert caught.value.next_step is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)

    with pytest.raises(Refused, match="cannot be made"):
        Store.of_file(tmp_path / "closed" / "store.db")


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"project_id": "one"}, "run.project_id"),
        ({"stages_done": "3"}, "run.stages_done"),
        ({"stages_done": -1}, "run.stages_done"),
        ({"duration_s": math.nan}, "run.duration_s"),
        ({"duration_s": math.inf}, "run.duration_s"),
        ({"requested_at": NAIVE}, "run.requested_at"),
        ({"requested_at": "2026-01-01T00:00:00Z"}, "run.requested_at"),
        ({"state": "sleeping"}, "run.state"),
        ({"charter_digest": "a" * 65}, "run.charter_digest"),
        ({"requested_by": None}, "run.requested_by"),
        ({"dirty": "yes"}, "run.dirty"),
    ],
)
def test_a_row_that_does_not_fit_its_table_is_refused_and_nothing_is_written(
    store: Store, changes: dict[str, Any], column: str
) -> None:
    fields = {
        "key": "a" * 12,
        "flow": "train",
        "project_id": 1,
        "state": RunState.REQUESTED,
        "cause": CauseKind.PERSON,
        "requested_by": "ana",
        "requested_at": NOW,
    }

    with pytest.raises(BadInput) as caught, store.write() as session:
        session.add(Project(id=1, name="demo", created_at=NOW))
        session.flush()
        session.add(Run(**{**fields, **changes}))

    assert caught.value.where == column
    assert store.reader.value("SELECT count(*) FROM project") == 0


@pytest.mark.parametrize("digest", ["", "ab", "a" * 63, "a" * 65])
def test_a_digest_of_the_wrong_length_is_refused(store: Store, digest: str) -> None:
    with pytest.raises(BadInput, match="64 characters"), store.write() as session:
        session.add(Artifact(digest=digest, size_bytes=1, kind="model", media_type="text/plain", created_at=NOW))


def test_a_change_of_a_kept_row_is_checked_as_a_new_one_is(store: Store) -> None:
    with store.write() as session:
        key = run_of(session).key

    with pytest.raises(BadInput, match="no time zone"), store.write() as session:
        run = ledger.find_run(session, key)
        run.error = "half"
        run.started_at = NAIVE

    assert store.reader.one("SELECT error, started_at FROM run") == {"error": "", "started_at": None}


def test_the_bulk_path_refuses_what_the_columns_refuse(store: Store) -> None:
    from sqlalchemy import insert

    with store.write() as session:
        run = run_of(session)
    good = {"run_id": run.id, "seq": 0, "at": NOW, "cpu_percent": 1.0}

    for bad in ({"cpu_percent": math.nan}, {"at": NAIVE}):
        with pytest.raises(BadInput), store.write() as session:
            session.connection().execute(insert(ResourceSample), [good, {**good, "seq": 1, **bad}])

    assert store.reader.value("SELECT count(*) FROM resource_sample") == 0


def test_nan_and_infinity_of_a_metric_are_kept_as_what_they_are(store: Store) -> None:
    with store.write() as session:
        run = run_of(session)
        assert run.id is not None
        ledger.log_metrics(session, run.id, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.5})
        ledger.log_points(session, run.id, "a", [(0, math.nan), (1, 0.25)])

    kept = metrics_of(store.reader, run.key)
    points = points_of(store.reader, run.key, "a")

    assert math.isnan(kept["a"])
    assert (kept["b"], kept["c"], kept["d"]) == (math.inf, -math.inf, 0.5)
    assert math.isnan(points[0].value)
    assert points[1].value == 0.25
    assert store.reader.value("SELECT count(*) FROM metric WHERE value IS NULL AND special IS NULL") == 0


def test_a_metric_that_is_null_without_a_word_is_refused_by_the_database(store: Store) -> None:
    with store.write() as session:
        run = run_of(session)

    with pytest.raises(IntegrityError), store.write() as session:
        session.connection().exec_driver_sql("INSERT INTO metric VALUES (?, 'a', NULL, NULL)", (run.id,))


def test_a_write_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as session:
        run_of(session)
        raise RuntimeError("in the middle")

    assert store.reader.value("SELECT count(*) FROM run") == 0
    assert store.reader.value("SELECT count(*) FROM project") == 0


def test_nothing_can_be_written_through_a_read(store: Store) -> None:
    with pytest.raises(Refused, match="may not be written"), store.read() as session:
        session.connection().exec_driver_sql("INSERT INTO project VALUES (1, 'x', '', '')")


def test_a_thing_that_is_referred_to_cannot_be_deleted(store: Store) -> None:
    with store.write() as session:
        run_of(session)

    with pytest.raises(IntegrityError), store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM project")


def test_opening_a_store_again_in_one_process_leaves_the_locks_of_the_first_in_place(
    workspace: Workspace, store: Store
) -> None:
    with store.read() as session:
        session.connection().exec_driver_sql("SELECT 1 FROM project").all()
    with open_store(workspace):
        pass
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute(\"INSERT INTO project (name, title, created_at) VALUES ('x', '', '2026-01-01T00:00:00.000000Z')\"); "
        "c.commit(); c.close()"
    )

    for _ in range(2):
        subprocess.run([sys.executable, "-c", script.replace("'x'", f"'x{_}'"), str(store.file)], check=True)

    assert store.reader.value("SELECT count(*) AS n FROM project") == 2
    with store.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM project").scalar_one() == 2
    assert store.file is not None
    assert store.file.with_name("store.db-wal").stat().st_size > 0
