"""Both engines of the online store: the same reads, one publish at a time, and never half of one."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.errors import Damaged, NotFound, Unavailable
from app.features.online import OnlineRow, OnlineStore, OnlineView, RowSet
from app.features.online_sqlite import SqliteOnline
from tests.postgres import Postgres

NOW = datetime(2013, 1, 1, tzinfo=UTC)


def view(name: str, version: int, *, columns: int = 2) -> OnlineView:
    """A view whose key is text, without times."""
    names = tuple(f"c{at}" for at in range(columns))
    return OnlineView(
        "p", name, False, ("k",), ("text",), names, ("number",) * columns, None, None, None, version, "", 0, 0, ""
    )


def rows(version: int, count: int = 300, *, columns: int = 2) -> Iterator[tuple[object, ...]]:
    """Rows that all say their version in every column."""
    return ((f"k{at:05}", None, None, *[float(version)] * columns) for at in range(count))


@pytest.fixture(scope="module")
def postgres(postgres_server: Postgres) -> str:
    """The address of a database for this module."""
    return postgres_server.database("online").replace("+psycopg", "")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def online(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    """A store of either engine."""
    if request.param == "sqlite":
        store: OnlineStore = SqliteOnline(tmp_path / "online.db")
    else:
        import psycopg

        from app.features.online_postgres import PostgresOnline

        url = request.getfixturevalue("postgres")
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA IF EXISTS trainmaster_online CASCADE")
        store = PostgresOnline(url)
    yield store
    store.close()


def test_many_keys_come_in_one_read_in_the_order_of_asking(online: OnlineStore) -> None:
    online.publish("p", [RowSet(view("v", 1), rows(1))], now=NOW)

    about, found = online.read("p", "v", ["k00007", "nobody", "k00001", "k00007"], 0)

    served = OnlineRow((1.0, 1.0), None, None, "served")
    assert found == [served, None, served, served]
    assert (about.feature_set, about.published_at) == (1, NOW.isoformat())


def test_a_publish_replaces_keeps_and_drops_views(online: OnlineStore) -> None:
    online.publish("p", [RowSet(view(name, 1), rows(1)) for name in ("a", "b", "c")], now=NOW)
    online.publish("p", [RowSet(view("a", 2), rows(2)), RowSet(view("b", 2), None)], now=NOW)

    said = {name: online.read("p", name, ["k00000"], 0)[1][0] for name in ("a", "b")}

    assert {name: row and row.values for name, row in said.items()} == {"a": (2.0, 2.0), "b": (1.0, 1.0)}
    assert {about.feature_set for about in online.views("p").values()} == {2}
    with pytest.raises(NotFound, match="view 'c' of p is not online"):
        online.read("p", "c", ["k00000"], 0)


def test_missing_numbers_stay_missing(online: OnlineStore) -> None:
    online.publish("p", [RowSet(view("v", 1), [("a", None, None, float("nan"), None)])], now=NOW)

    assert online.read("p", "v", ["a"], 0)[1][0] == OnlineRow((None, None), None, None, "served")


def test_keys_are_paged_in_order(online: OnlineStore) -> None:
    online.publish("p", [RowSet(view("v", 1), rows(1, 5))], now=NOW)

    first = online.keys("p", "v", limit=3)

    assert (first, online.keys("p", "v", after=first[-1])) == (["k00000", "k00001", "k00002"], ["k00003", "k00004"])


def test_readers_during_publishes_see_one_of_them_whole(online: OnlineStore) -> None:
    names = ("a", "b")
    online.publish("p", [RowSet(view(name, 1), rows(1)) for name in names], now=NOW)
    wanted = [f"k{at:05}" for at in range(0, 300, 30)]
    torn: list[object] = []
    seen: set[object] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            found = online.together(lambda read: [read("p", name, wanted, 0) for name in names])
            said = {value for _, every in found for row in every if row for value in row.values}
            said |= {float(about.feature_set) for about, _ in found}
            if len(said) != 1 or any(row is None for _, every in found for row in every):
                torn.append(found)
            seen.update(said)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for version in range(2, 52):
        columns = 2 + version % 3  # the columns change too
        sets = [RowSet(view(name, version, columns=columns), rows(version, columns=columns)) for name in names]
        online.publish("p", sets, now=NOW)
    done.set()
    for reader in readers:
        reader.join()

    assert torn == []
    assert len(seen) > 1


def test_a_file_that_is_no_store_is_named_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "online.db"
    file.write_bytes(b"not a database, but long enough to be looked at" * 40)
    online = SqliteOnline(file)

    with pytest.raises(Damaged, match="the online store is damaged") as caught:
        online.views("p")

    assert "features materialize" in str(caught.value.next_step)


def test_a_full_disk_leaves_the_rows_that_were_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online, connect = SqliteOnline(tmp_path / "online.db"), SqliteOnline._connect
    online.publish("p", [RowSet(view("v", 1), rows(1))], now=NOW)

    def small(self: SqliteOnline, *, writes: bool) -> sqlite3.Connection:
        connection = connect(self, writes=writes)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 5}").close()
        return connection

    with monkeypatch.context() as patch, pytest.raises(Unavailable, match="the disk is full; nothing was written"):
        patch.setattr(SqliteOnline, "_connect", small)
        online.publish("p", [RowSet(view("v", 2), rows(2, 50_000))], now=NOW)

    about, found = online.read("p", "v", ["k00007"], 0)
    assert (about.feature_set, found) == (1, [OnlineRow((1.0, 1.0), None, None, "served")])
    online.publish("p", [RowSet(view("v", 3), rows(3, 50_000))], now=NOW)
    assert online.read("p", "v", ["k49999"], 0)[1] == [OnlineRow((3.0, 3.0), None, None, "served")]
    online.close()


def test_a_file_of_another_format_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "online.db"
    online = SqliteOnline(file)
    online.publish("p", [RowSet(view("v", 1), rows(1))], now=NOW)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    before = online.views("p")
    online.publish("p", [RowSet(view("v", 2), rows(2))], now=NOW)
    online.close()

    assert before == {}
    assert online.views("p")["v"].feature_set == 2
    online.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from app.features.online import RowSet
from app.features.online_sqlite import SqliteOnline
from tests.postgres import Postgres
from tests.features.test_online import rows, view
print("begins", flush=True)
for version in range(int(sys.argv[2]), 10**9):
    sets = [RowSet(view(name, version), rows(version, 5_000)) for name in ("a", "b")]
    SqliteOnline(Path(sys.argv[1])).publish("p", sets, now=datetime.now(UTC))
"""


@pytest.mark.faults
def test_a_writer_that_is_killed_anywhere_leaves_the_old_rows_or_the_new(tmp_path: Path) -> None:
    file = tmp_path / "online.db"
    SqliteOnline(file).publish("p", [RowSet(view(name, 1), rows(1, 5_000)) for name in ("a", "b")], now=NOW)
    versions: list[object] = []

    for at in range(25):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(1000 * at + 2)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.03 * at)
        child.kill()
        child.wait()
        child.stdout.close()
        online = SqliteOnline(file)
        found = online.together(lambda read: [read("p", name, ["k00000", "k04999"], 0) for name in ("a", "b")])
        said = {value for _, every in found for row in every if row for value in row.values}
        counts = [len(online.keys("p", name, limit=30_000)) for name in ("a", "b")]
        online.close()
        assert (len(said), counts) == (1, [5_000, 5_000])
        assert said == {float(about.feature_set) for about, _ in found}
        versions += said

    assert len(set(versions)) > 1
