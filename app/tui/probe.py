"""The latency probe: from a key, or from the start of the process, to the frame handed to the terminal.

`Pilot.press` has a floor of its own, so the probe sits where Textual writes: it overrides `App._display`, here and
nowhere else.
"""

import json
import time
from pathlib import Path
from typing import Any

from textual._time import get_time
from textual.app import App
from textual.events import Event, Key

from app.tui.app import ControlRoom
from app.tui.screens.place import PlaceScreen


class Probed(App[None]):
    """An app that notes when frames leave it; mixed in before the app that is measured."""

    probe_file: Path | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.frames: list[float] = []
        self.latencies_ms: list[float] = []
        self.first_data: float | None = None
        self._pressed: list[float] = []
        super().__init__(*arguments, **named)

    async def on_event(self, event: Event) -> None:
        """Note when a key came in."""
        if isinstance(event, Key) and not event.is_forwarded:
            self._pressed.append(event.time)
        await super().on_event(event)

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is None or self._batch_count:
            return
        if not self.frames:
            self.frames.append(time.time())
        if self.first_data is None and isinstance(screen, PlaceScreen) and screen.body is not None:
            self.first_data = time.time()
        now = get_time()
        self.latencies_ms += [(now - pressed) * 1000 for pressed in self._pressed]  # keys that share a frame count each
        self._pressed.clear()

    async def on_unmount(self) -> None:
        """Leave what was measured in a file."""
        if self.probe_file is not None:
            found = {"first": self.frames[:1], "data": self.first_data, "latencies_ms": self.latencies_ms}
            self.probe_file.write_text(json.dumps(found))


class ProbedRoom(Probed, ControlRoom):
    """The control room with the probe in it."""


class ProbedEmpty(Probed):
    """An empty Textual app with the probe in it: what a first frame costs at least."""


__all__ = ["Probed", "ProbedEmpty", "ProbedRoom"]
