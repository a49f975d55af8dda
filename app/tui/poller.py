"""One poller for the visible screen: the next poll after the last one ended, nothing while nobody looks.

All polls run in one thread, so that one connection of the reader sees every commit of the others (`Reader.version`) and
an unchanged store costs one pragma.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

Wish = TypeVar("Wish", bound=Hashable)
Snapshot = TypeVar("Snapshot")

INTERVAL_S = 0.5
SETTLE_S = 0.06
LONGEST_SETTLE_S = 0.25
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class Health:
    """How the last poll went."""

    age_s: float = 0.0
    failures: int = 0
    error: str = ""
    frozen: bool = False


class Poller(Generic[Wish, Snapshot]):
    """Loads snapshots for a wish (filter, order, what is chosen) and gives each new one to `show`.

    `load(wish)` runs in the executor; `wish()` and `show(snapshot)` run on the event loop. A snapshot equal to the one
    before is not shown again, and nothing is loaded while neither `version()` nor the wish has changed.
    """

    def __init__(
        self,
        *,
        load: Callable[[Wish], Snapshot],
        wish: Callable[[], Wish],
        show: Callable[[Snapshot], None],
        version: Callable[[], int],
        tick: Callable[[Health], None],
        executor: Executor,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._load, self._wish, self._show, self._version, self._tick = load, wish, show, version, tick
        self._executor, self._interval_s = executor, interval_s
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self._soon = False
        self._reload = False
        self._last: tuple[int, Wish] | None = None
        self._snapshot: Snapshot | None = None
        self._loaded_at: float | None = None
        self._failures = 0
        self._error = ""
        self.frozen = False
        self.polls = 0
        self.loads = 0

    @property
    def running(self) -> bool:
        """Whether it polls now."""
        return self._task is not None and not self._task.done()

    @property
    def settled(self) -> bool:
        """Whether what is shown is what is wished for now."""
        asked = self._reload or self._nudged.is_set()
        return self._last is not None and not asked and self._last[1] == self._wish()

    @property
    def health(self) -> Health:
        """How old the picture is, and what went wrong."""
        age = time.monotonic() - self._loaded_at if self._loaded_at is not None else 0.0
        return Health(age, self._failures, self._error, self.frozen)

    def start(self) -> None:
        """Poll from now on."""
        if not self.running:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="poller")

    def stop(self) -> None:
        """Poll no more; the picture stays."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def nudge(self, *, reload: bool = False, soon: bool = False) -> None:
        """Poll because the wish has changed, `reload` also when the store has not.

        What merely follows the cursor waits until the keys pause; a reload and what is `soon` does not.
        """
        self._reload = self._reload or reload
        self._soon = self._soon or soon or reload
        self._nudged.set()

    async def _run(self) -> None:
        while True:
            self._nudged.clear()
            await self._poll()
            self._tick(self.health)
            wait = self._interval_s if not self._failures else min(2.0**self._failures, LONGEST_WAIT_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), wait)
                await self._settle()

    async def _settle(self) -> None:
        """Let the frame of the key that nudged go first, and wait while more keys come, but not for long."""
        until = time.monotonic() + LONGEST_SETTLE_S
        while True:
            self._nudged.clear()
            await asyncio.sleep(SETTLE_S / 2 if self._soon else SETTLE_S)
            if self._soon or not self._nudged.is_set() or time.monotonic() > until:
                self._soon = False
                return

    async def _poll(self) -> None:
        wish = self._wish()
        if self.frozen and not self._reload and self._last is not None and wish == self._last[1]:
            return
        self.polls += 1
        known = None if self._reload else self._last
        self._reload = False  # one that is asked for from here on is another one
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, self._fetch, wish, known)
        except asyncio.CancelledError:
            self._reload = True
            raise
        except Exception as error:  # the screen outlives its data: it says so and tries again, ever more slowly
            self._reload = True
            self._failures += 1
            self._error = f"{type(error).__name__}: {error}"
            return
        self._failures, self._error, self._loaded_at = 0, "", time.monotonic()
        if found is None:
            return
        self._last, snapshot = found
        self.loads += 1
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._show(snapshot)

    def _fetch(self, wish: Wish, known: tuple[int, Wish] | None) -> tuple[tuple[int, Wish], Snapshot] | None:
        seen = (self._version(), wish)
        if seen == known:
            return None
        return seen, self._load(wish)


__all__ = ["Health", "Poller"]
