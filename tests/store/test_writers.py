"""Many writers at once: one winner, clean refusals, nobody locked out."""

import multiprocessing
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from app.domain.errors import Busy, Refused
from app.domain.states import Stage
from app.store import audit
from app.store.audit import broken_links
from app.store.engine import Store
from app.store.tables import AuditEvent, ModelVersion
from tests.store.world import BEGIN, make_world

WRITERS = 8


def promote_unless_somebody_did(store: Store, who: str) -> str:
    """Version 2 takes production from version 1; refused when version 1 is not there any more."""
    try:
        with store.write(durable=True) as session:
            connection = session.connection()
            serving = connection.execute(
                select(col(ModelVersion.version)).where(col(ModelVersion.stage) == Stage.PRODUCTION)
            ).scalar_one()
            if serving != 1:
                raise Refused(f"v{serving} is in production now", next_step="trainmaster models ls")
            for version, stage in ((1, Stage.ARCHIVED), (2, Stage.PRODUCTION)):
                connection.execute(update(ModelVersion).where(col(ModelVersion.version) == version).values(stage=stage))
            audit.record(session, actor=who, action="model.promoted", subject="model:flight-delay/2", now=BEGIN)
    except Refused:
        return "refused"
    except Exception as error:  # the test reads what it was
        return repr(error)
    return "won"


def _promote_in_a_process(file: str, who: str, start: Any, results: Any) -> None:
    store = Store.of_file(Path(file))
    start.wait(30)
    results.put(promote_unless_somebody_did(store, who))
    store.close()


def require_one_promotion(store: Store, told: list[str]) -> None:
    """One won, the others were refused, and rows and chain say the same."""
    assert Counter(told) == {"won": 1, "refused": WRITERS - 1}
    rows = store.reader.rows("SELECT version FROM model_version WHERE stage = 'production'")
    assert rows == [{"version": 2}]
    assert store.reader.value("SELECT count(*) FROM audit_event WHERE actor LIKE 'writer%'") == 1


def test_eight_threads_promote_at_once_and_one_wins(store: Store) -> None:
    make_world(store)
    start, told = threading.Barrier(WRITERS), []

    def work(number: int) -> None:
        start.wait()
        told.append(promote_unless_somebody_did(store, f"writer {number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    require_one_promotion(store, told)


def test_eight_processes_promote_at_once_and_one_wins(store: Store) -> None:
    make_world(store)
    assert store.file is not None
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(WRITERS), context.Queue()
    processes = [
        context.Process(target=_promote_in_a_process, args=(str(store.file), f"writer {number}", start, results))
        for number in range(WRITERS)
    ]

    for process in processes:
        process.start()
    told = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)

    require_one_promotion(store, told)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE model_version SET stage = 'production'",
        "INSERT INTO deployment SELECT 99, 'zz', project_id, version_id, NULL, NULL, state, '', created_at, changed_at"
        " FROM deployment",
        "INSERT INTO alert (id, key, project_id, signal, kind, severity, state, says, next_step, grouped, seen, quiet,"
        " opened_at, last_seen_at, acknowledged_reason, muted_reason, resolved_reason) SELECT 99, 'zz', project_id,"
        " signal, kind, severity, 'open', says, next_step, grouped, seen, quiet, opened_at, last_seen_at, '', '', ''"
        " FROM alert",
    ],
)
def test_the_database_itself_refuses_a_second_one(store: Store, sql: str) -> None:
    make_world(store)

    with pytest.raises(IntegrityError, match="UNIQUE"), store.write() as session:
        session.connection().exec_driver_sql(sql)


def test_eight_threads_append_to_the_audit_log_and_the_chain_is_whole(store: Store) -> None:
    def work(number: int) -> None:
        for at in range(10):
            with store.write() as session:
                audit.record(session, actor=f"writer {number}", action="thing.done", subject=f"n:{at}", now=BEGIN)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as session:
        events = session.execute(select(AuditEvent).order_by(col(AuditEvent.seq))).scalars().all()
        assert len(events) == 80
        assert broken_links(events) == []


def test_of_many_writers_each_has_its_turn(store: Store) -> None:
    until = time.monotonic() + 2
    turns: list[int] = []

    def write_on() -> None:
        count = 0
        while time.monotonic() < until:
            with store.write() as session:
                session.connection()
                time.sleep(0.003)
            count += 1
            time.sleep(0.003)
        turns.append(count)

    threads = [threading.Thread(target=write_on) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(turns) == 12
    assert min(turns) * 6 > max(turns)


def test_a_store_that_is_held_too_long_says_who_to_ask(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.engine.BUSY_TIMEOUT_MS", 50)
    assert store.file is not None
    other = Store.of_file(store.file)

    with store.write() as holder:
        holder.connection()
        with pytest.raises(Busy, match="another writer") as caught, other.write() as session:
            session.connection()

    assert caught.value.next_step is not None
    other.close()
