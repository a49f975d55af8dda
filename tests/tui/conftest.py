"""A seeded workspace and the control room on it, with a clock and a machine that stand still."""

import math
import os
import time
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from app.domain.workspace import Workspace
from app.machine.sampler import MachineSample
from app.store.engine import Store
from app.tui.app import ControlRoom
from tests.once import once
from tests.tui.seed import NOW, Seeded, seed

GB = 1 << 30


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Screens show local times: here that is UTC, and colours are on."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.fixture
def seeded(store: Store) -> Seeded:
    """The store, filled."""
    return once(store, lambda: seed(store))


def machine(count: int = 60) -> list[MachineSample]:
    """Readings of a quiet machine."""
    return [
        MachineSample(
            cpu_percent=34 + 20 * math.sin(at / 3),
            cores_percent=tuple(20.0 + core * 8 for core in range(4)),
            memory_used_bytes=int((9 + at / 40) * GB),
            memory_total_bytes=16 * GB,
            disk_used_bytes=288 * GB,
            disk_total_bytes=500 * GB,
            load=1.2,
        )
        for at in range(count)
    ]


Room = Callable[[], ControlRoom]


@pytest.fixture
def room(workspace: Workspace, seeded: Seeded) -> Room:
    """Makes the control room on the seeded workspace."""

    def make() -> ControlRoom:
        return ControlRoom(workspace, clock=lambda: NOW, machine=machine(), start_services=False, interval_s=0.1)

    return make


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the visible screen has loaded what it wishes."""
    for _ in range(200):
        await pilot.pause(0.02)
        screen = pilot.app.screen
        poller = getattr(screen, "_poller", None)
        if poller is None or (poller.settled and getattr(screen, "body", None) is not None):
            break
    await pilot.pause(0.02)


def text_of(app: ControlRoom) -> str:
    """What the terminal would show, as lines."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
