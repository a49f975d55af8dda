"""Every place as a person sees it, at 120x36 and at 80x24: stories in pictures."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from app.domain.actions import PLACES
from app.tui.app import ControlRoom
from tests.tui.conftest import Room, settle

SIZES = ((120, 36), (80, 24))
Compare = Callable[..., bool]


def going(place: str, *keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Go to a place, press keys, wait until it is still."""

    async def run_before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ControlRoom)
        await settle(pilot)
        app.go(place)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.3)

    return run_before


@pytest.mark.parametrize("size", SIZES, ids=["120x36", "80x24"])
@pytest.mark.parametrize("place", [place.name for place in PLACES])
def test_a_place(snap_compare: Compare, room: Room, place: str, size: tuple[int, int]) -> None:
    assert snap_compare(room(), terminal_size=size, run_before=going(place))


def test_one_run_with_its_log(snap_compare: Compare, room: Room) -> None:
    assert snap_compare(room(), terminal_size=(120, 36), run_before=going("runs", "j", "enter"))


def test_the_promotion_dialog(snap_compare: Compare, room: Room) -> None:
    assert snap_compare(room(), terminal_size=(120, 36), run_before=going("registry", "p"))


def test_monochrome(snap_compare: Compare, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert snap_compare(room(), terminal_size=(120, 36), run_before=going("runs"))
