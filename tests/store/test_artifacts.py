"""Artifacts: the same bytes once, in chunks, checked at every read, with their registration or not at all."""

import multiprocessing
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.errors import Damaged, NotFound
from app.services import upkeep
from app.store import artifacts
from app.store.artifacts import CHUNK_BYTES
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.tables import Project

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def put(store: Store, content: bytes) -> str:
    with store.write() as session:
        return artifacts.put(session, content, kind="model", media_type="text/plain", now=NOW)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_bytes_of_any_size_come_back_as_they_were(store: Store, size: int) -> None:
    content = os.urandom(size)

    digest = put(store, content)
    with store.read() as session:
        back = artifacts.get(session, digest)

    assert back == content
    assert store.reader.value("SELECT count(*) FROM chunk") == -(-size // CHUNK_BYTES)


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    content = b"trees" * 1000

    digests = {put(store, content), put(store, content)}

    assert len(digests) == 1
    assert store.reader.value("SELECT count(*) FROM artifact") == 1


def test_bytes_and_their_registration_commit_together_or_not_at_all(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as session:
        artifacts.put(session, b"model", kind="model", media_type="text/plain", now=NOW)
        session.add(Project(name="demo", created_at=NOW))
        session.flush()
        raise RuntimeError("in the middle")

    assert store.reader.value("SELECT count(*) FROM artifact") == 0
    assert store.reader.value("SELECT count(*) FROM chunk") == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunk SET content = CAST('x' || substr(content, 2) AS BLOB)",
        "UPDATE chunk SET content = 'text'",
        "DELETE FROM chunk",
        "UPDATE artifact SET size_bytes = size_bytes + 1",
    ],
)
def test_bytes_that_lost_their_digest_are_never_given_out(store: Store, damage: str) -> None:
    digest = put(store, b"a model")
    with store.write() as session:
        session.connection().exec_driver_sql(damage)

    with pytest.raises(Damaged, match="does not have its digest") as caught, store.read() as session:
        artifacts.get(session, digest)

    assert caught.value.next_step == "trainmaster store restore BACKUP"


def test_an_unknown_digest_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound), store.read() as session:
        artifacts.get(session, "0" * 64)


def _put_for_ever(file: str) -> None:
    store = Store.of_file(Path(file))
    number = 0
    while True:
        with store.write() as session:
            artifacts.put(
                session,
                os.urandom(3 * CHUNK_BYTES) + str(number).encode(),
                kind="model",
                media_type="text/plain",
                now=NOW,
            )
            session.add(Project(name=f"p{number}", created_at=NOW))
        number += 1


def kill_a_writer(file: Path, after_s: float) -> None:
    """Start a process that writes artifacts without end, and end it with SIGKILL."""
    process = multiprocessing.get_context("fork").Process(target=_put_for_ever, args=(str(file),))
    process.start()
    deadline = time.monotonic() + 30
    with sqlite3.connect(file) as connection:
        begun = connection.execute("SELECT count(*) FROM project").fetchone()[0]
        while connection.execute("SELECT count(*) FROM project").fetchone()[0] == begun:
            assert time.monotonic() < deadline, "the writer never wrote"
            time.sleep(0.01)
    time.sleep(after_s)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(timeout=30)


def require_sound(file: Path, features: Path) -> int:
    """Everything in the store is whole; gives how many artifacts there are."""
    store = Store.of_file(file)
    try:
        migrate(store)
        report = upkeep.fsck(store, features)
        assert report.problems == ()
        projects = store.reader.value("SELECT count(*) FROM project")
        assert store.reader.value("SELECT count(*) FROM artifact") == projects
        return int(projects)
    finally:
        store.close()


def killed_rounds(tmp_path: Path, rounds: int) -> None:
    file = tmp_path / "store.db"
    made = Store.of_file(file)
    migrate(made)
    made.close()
    kept = 0

    for number in range(rounds):
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM project")  # names are used again
            connection.execute("DELETE FROM chunk")
            connection.execute("DELETE FROM artifact")
        kill_a_writer(file, after_s=0.003 * number)
        kept += require_sound(file, tmp_path)

    assert kept >= rounds


def test_a_writer_killed_in_the_middle_leaves_whole_artifacts_only(tmp_path: Path) -> None:
    killed_rounds(tmp_path, 3)


@pytest.mark.faults
def test_a_writer_killed_again_and_again_leaves_whole_artifacts_only(tmp_path: Path) -> None:
    killed_rounds(tmp_path, 40)
