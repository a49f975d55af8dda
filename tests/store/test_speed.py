"""The bars of the store, measured beside raw sqlite3 (`make bench` prints them)."""

from pathlib import Path

import pytest


@pytest.mark.speed
def test_tracking_holds_its_bars() -> None:
    from benchmarks.store_tracking import run

    results = run()

    assert [result for result in results if result.met is False] == []


@pytest.mark.speed
def test_a_page_is_as_fast_among_many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.store_million import run

    monkeypatch.setenv("TRAINMASTER_BENCH", str(tmp_path))

    results = run(30_000)  # `make bench` takes a million

    assert [result for result in results if result.met is False] == []
