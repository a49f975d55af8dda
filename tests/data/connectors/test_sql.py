"""SQL sources, on SQLite: incremental by watermark, whole without one."""

import sqlite3
from pathlib import Path

import pytest

from app.domain.errors import BadInput, NotFound
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots
from app.store.engine import Store
from tests.data.connectors.made import orders, shop, source_row

INCREMENTAL = 'url = "sqlite:///shop.db"\nquery = "SELECT id, town, price FROM orders;"\nwatermark = "id"\n'


def add(workspace: Workspace, first: int, last: int, *, town: str | None = "ulm") -> Path:
    """Put rows into the shop's database."""
    file = workspace.project_folder("shop") / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER, town TEXT, price REAL)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, 1.5)", [(n, town) for n in range(first, last + 1)])
    connection.close()
    return file


def test_ten_new_rows_move_the_watermark_by_ten_and_nothing_new_changes_nothing(
    workspace: Workspace, store: Store
) -> None:
    project = shop(workspace, INCREMENTAL)
    add(workspace, 1, 1000)
    first = orders(store, project)
    before = source_row(store)

    again = orders(store, project)
    unchanged = source_row(store)
    add(workspace, 1001, 1010)
    more = orders(store, project)

    assert (first.accepted, again.accepted, more.accepted) == (1000, 0, 10)
    assert before == unchanged
    assert (before["watermark"], source_row(store)["watermark"]) == ("1000", "1010")
    assert [(s.path, s.rows) for s in newest_snapshots(store, 1)] == [("sql/1000", 1000), ("sql/1010", 10)]


def test_a_long_result_comes_in_pieces_that_never_part_equal_watermarks(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, INCREMENTAL + "batch_rows = 40\n")
    for _ in range(3):
        add(workspace, 1, 50)

    taken = orders(store, project)

    assert taken.accepted == 150
    assert sum(row["rows"] for row in store.reader.rows("SELECT rows FROM snapshot")) == 150
    assert source_row(store)["watermark"] == "50"


@pytest.mark.parametrize("key", ["", 'unique_key = ["id", "town"]\n'])
def test_rows_that_come_late_with_the_newest_watermark_are_taken_once(
    workspace: Workspace, store: Store, key: str
) -> None:
    project = shop(workspace, INCREMENTAL + key)
    add(workspace, 1, 5)
    taken = [orders(store, project).accepted]

    add(workspace, 5, 5, town="bonn")
    taken += [orders(store, project).accepted, orders(store, project).accepted]
    add(workspace, 5, 5, town="kiel")
    add(workspace, 6, 7)
    taken += [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [5, 1, 0, 3, 0]
    assert [snapshot.rows for snapshot in newest_snapshots(store, 1)] == [5, 1, 3]
    assert source_row(store)["watermark"] == "7"


def test_a_late_row_that_equals_another_is_a_row_of_its_own_without_a_key(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, INCREMENTAL)
    add(workspace, 5, 5)
    taken = [orders(store, project).accepted]

    for _ in range(2):
        add(workspace, 5, 5)
        taken += [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [1, 1, 0, 1, 0]


def test_a_store_that_does_not_know_its_newest_rows_goes_on_after_them(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, INCREMENTAL)
    add(workspace, 1, 5)
    orders(store, project)
    with store.write() as session:
        session.connection().exec_driver_sql("UPDATE source_file SET version = NULL")
    add(workspace, 6, 6)

    assert [orders(store, project).accepted, orders(store, project).accepted] == [1, 0]


def test_without_a_watermark_the_whole_result_replaces_the_last_also_when_it_goes_back(
    workspace: Workspace, store: Store
) -> None:
    project = shop(workspace, 'url = "sqlite:///shop.db"\nquery = "SELECT * FROM orders"\n')
    file = add(workspace, 1, 3)
    taken = [orders(store, project).accepted]
    add(workspace, 4, 4)
    taken.append(orders(store, project).accepted)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM orders WHERE id = 4")
    connection.close()

    taken += [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [3, 4, 3, 0]
    assert [snapshot.rows for snapshot in newest_snapshots(store, 1)] == [3]


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (INCREMENTAL.replace("shop.db", "gone.db"), NotFound, "there is no database"),
        (INCREMENTAL.replace("town, price", "towns"), BadInput, "no such column: towns"),
        (INCREMENTAL.replace('"id"', '"nr"'), BadInput, "the query gives no column 'nr'"),
        (INCREMENTAL.replace('"id"', '"town"'), BadInput, "1 rows have no town"),
        (INCREMENTAL.replace("SELECT id, town, price FROM orders", "DELETE FROM orders"), BadInput, "syntax error"),
    ],
)
def test_what_cannot_be_read_names_the_source_and_the_next_command(
    workspace: Workspace, store: Store, source: str, error: type[Exception], words: str
) -> None:
    project = shop(workspace, source)
    add(workspace, 1, 3)
    add(workspace, 4, 4, town=None)

    with pytest.raises(error) as found:
        orders(store, project)

    assert words in str(found.value)
    assert "source orders" in str(found.value)
    assert found.value.next_step  # type: ignore[attr-defined]
    assert store.reader.value("SELECT count(*) FROM snapshot") == 0
