"""Garbage is searched for in pauses, never while somebody types."""

import gc
from collections.abc import Iterator

import pytest

from app.tui import sweep
from app.tui.sweep import Sweep


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time of the clock, as a list of one that a test sets; the collector is put back as it was."""
    before, clock = gc.get_threshold(), [100.0]
    monkeypatch.setattr("app.tui.sweep.time.monotonic", lambda: clock[0])
    yield clock
    gc.set_threshold(*before)


def test_nothing_is_searched_while_keys_come_and_the_young_in_a_pause(now: list[float]) -> None:
    swept = Sweep()
    while gc.get_count()[1] == 0:
        gc.collect(0)
    now[0] += 30
    swept.key()

    assert swept.look() is None
    now[0] += sweep.PAUSE_S
    assert swept.look() == 1
    assert gc.get_count()[1] == 0


def test_everything_is_searched_in_a_long_pause_once_a_minute(now: list[float]) -> None:
    swept = Sweep()
    now[0] += sweep.WHOLE_EVERY_S

    first, second = swept.look(), swept.look()

    assert first == 2
    assert second != 2


def test_old_objects_are_not_searched_by_the_way(now: list[float]) -> None:
    swept = Sweep()

    swept.begin()
    gc.unfreeze()

    assert gc.isenabled()
    assert gc.get_threshold()[0] * gc.get_threshold()[1] >= 1_000_000
