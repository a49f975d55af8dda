"""The gateway's traffic while somebody looks: asked once a second beside the event loop, kept for two minutes."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.domain.errors import TrainmasterError
from app.domain.workspace import Workspace

if TYPE_CHECKING:
    from app.services.predictions.logged import Logged
    from app.services.serving.traffic import Counters, Traffic

LOOK_S = 1.0
KEPT = 120
SHOWN = 100


@dataclass
class Watch:
    """What was seen of one gateway: stretches of traffic, the newest requests, and why it is silent."""

    workspace: Workspace
    seen: "deque[Traffic]" = field(default_factory=lambda: deque(maxlen=KEPT))
    requests: "tuple[Logged, ...]" = ()
    trouble: str = "asking the gateway …"
    recorded: bool = False
    _last: "Counters | None" = None
    _part: str = ""

    async def follow(self) -> None:
        """Look until cancelled; the next look begins a second after the last one ended."""
        while not self.recorded:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Ask the gateway once, and read the log's newest part when there is a new one."""
        from app.services.predictions.logged import last_requests, newest_part
        from app.services.serving import traffic

        try:
            now = traffic.look(self.workspace, time.monotonic())
            if self._last is not None:
                self.seen.append(traffic.between(self._last, now))
            self._last, self.trouble = now, ""
        except TrainmasterError as error:
            self._last, self.trouble = None, error.message
        except (OSError, ValueError) as error:
            self._last, self.trouble = None, type(error).__name__
        part = newest_part(self.workspace)
        if part and part != self._part:
            self.requests, self._part = tuple(last_requests(self.workspace, limit=SHOWN)), part


__all__ = ["Watch"]
