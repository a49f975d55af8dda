"""The bars of the store, measured beside raw sqlite3 (`make bench` prints them)."""

import pytest


@pytest.mark.speed
def test_tracking_holds_its_bars() -> None:
    from benchmarks.store_tracking import run

    results = run()

    assert [result for result in results if result.met is False] == []
