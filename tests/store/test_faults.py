"""A write that fails at its N-th statement leaves nothing, for every N; so does a full disk."""

import itertools
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.errors import Unavailable
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import metadata
from tests.store.world import BEGIN, write_world


class Broken(Exception):
    """What the test makes happen."""


def rows_in(store: Store) -> int:
    """All rows of all tables."""
    return sum(int(store.reader.value(f"SELECT count(*) FROM {table.name}")) for table in metadata.sorted_tables)


def fail_at(store: Store, number: int) -> bool:
    """Make the world with its N-th statement failing; False when it has fewer."""
    count = itertools.count(1)

    def break_it(*_: Any) -> None:
        if next(count) == number:
            raise Broken

    event.listen(store.engine, "before_cursor_execute", break_it)
    try:
        write_world(store)
    except Broken:
        return True
    finally:
        event.remove(store.engine, "before_cursor_execute", break_it)
    return False


@pytest.mark.parametrize("first", [1, 2, 3, 40, 120])
def test_a_write_that_fails_at_some_statement_leaves_nothing(store: Store, first: int) -> None:
    assert fail_at(store, first)

    assert rows_in(store) == 0


@pytest.mark.faults
def test_a_write_that_fails_at_any_statement_leaves_nothing(store: Store) -> None:
    for number in itertools.count(1):
        if not fail_at(store, number):
            break
        assert rows_in(store) == 0

    assert number > 100
    assert rows_in(store) > 100


def test_a_full_disk_is_said_and_nothing_is_half_written(store: Store) -> None:
    with store.write() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()

    with pytest.raises(Unavailable, match="disk is full") as caught, store.write() as session:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
        artifacts.put(session, bytes(5_000_000), kind="model", media_type="text/plain", now=BEGIN)

    assert caught.value.next_step is not None
    assert rows_in(store) == 0
