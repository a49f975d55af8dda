"""The store on PostgreSQL: the same migrations, writes and queries as on SQLite."""

import threading

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.errors import BadInput, TrainmasterError
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots, quarantined_count, snapshot_bytes, source_states
from app.services.upkeep import fsck
from app.services.workspaces import make_workspace, now, open_reader, open_store
from app.store import audit
from app.store.engine import Store
from app.store.migrate import migrate, revision_of
from app.store.migrations import HEAD
from app.store.queries import audit as audit_queries
from app.store.queries import data, overview, runs
from tests.postgres import Postgres
from tests.services.made import build, deliver, homes, take_in

pytestmark = pytest.mark.services


@pytest.fixture
def placed(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> Workspace:
    """A workspace whose store is a new database of the server."""
    workspace = make_workspace(tmp_path_factory.mktemp("pg") / "workspace")
    url = postgres_server.database(f"store_{workspace.root.parent.name.replace('-', '_')}")
    workspace.marker.write_text(f'[store]\nurl = "{url}"\n')
    return workspace


def test_migrated_once_by_many_at_the_same_time(placed: Workspace) -> None:
    errors: list[BaseException] = []

    def opens() -> None:
        try:
            with open_store(placed):
                pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with open_store(placed) as store:
        assert (errors, revision_of(store)) == ([], HEAD)
        migrate(store)


def test_an_ingest_and_a_build_are_written_and_read_again(placed: Workspace) -> None:
    project = homes(placed)
    deliver(placed, "homes/two.csv", "home,town,asked_at,size,price\nh9,ulm,soon,70,1\nh8,ulm,2013-01-04,70,1\n")

    with open_store(placed) as store:
        taken, _ = take_in(store, project)
        again = take_in(store, project)
        built = build(store, project)
        snapshots = newest_snapshots(store, 1)
        contents = [snapshot_bytes(store, snapshot)[:4] for snapshot in snapshots]
        waiting = quarantined_count(store, 1)
        report = fsck(store, placed.features)
    with open_reader(placed) as reader:
        rows = data.snapshots(reader, project="homes")
        listed = runs.page_of_runs(reader, limit=10)
        events = audit_queries.events(reader, limit=10)
        states = source_states(reader, placed)
        seen = overview.overview(reader)

    assert (taken.rows_in, taken.accepted, taken.quarantined) == (5, 4, 1)
    assert [result.files for result in again] == [(), ()]
    assert (built.rows, contents, waiting) == (4, [b"PAR1"] * 3, 1)
    assert len(rows) == 3
    assert {run.state for run in listed.rows} == {RunState.COMPLETED}
    assert [event.action for event in events][-1] == "data.ingested"
    assert [(state.source, state.rows) for state in states] == [("homes", 4), ("rates", 3)]
    assert report.ok, report.problems
    assert seen.river


def test_a_transaction_that_fails_leaves_nothing_and_readers_cannot_write(placed: Workspace) -> None:
    with open_store(placed) as store:
        with pytest.raises(BadInput), store.write() as session:
            audit.record(session, actor="ana", action="a.b", subject="x", now=now())
            raise BadInput("no")
        with pytest.raises((TrainmasterError, DBAPIError)), store.read() as session:
            session.connection().exec_driver_sql("DELETE FROM audit_event")
        with pytest.raises((TrainmasterError, DBAPIError)):
            store.reader.rows("DELETE FROM audit_event RETURNING seq")
        before = store.reader.version()
        with store.write(durable=True) as session:
            audit.record(session, actor="ana", action="a.b", subject="x", now=now())
        left = store.reader.value("SELECT count(*) FROM audit_event")

    assert (left, store.reader.version() > before) == (1, True)


def test_many_writers_keep_the_audit_chain_whole(placed: Workspace) -> None:
    with open_store(placed) as store:
        errors: list[BaseException] = []

        def writes(name: str, mine: Store) -> None:
            try:
                for _ in range(10):
                    with mine.write() as session:
                        audit.record(session, actor=name, action="a.b", subject="x", now=now())
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=writes, args=(f"w{n}", store)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        chain = audit.Chain()
        problems = [
            problem
            for row in store.reader.rows("SELECT * FROM audit_event ORDER BY seq")
            for problem in chain.problems_of(row)
        ]

    assert errors == []
    assert (chain.events, problems) == (60, [])
