"""The watcher's look at health, in a thread of its own: a slow disk or a hook that hangs never holds a turn back."""

import sys
import threading
import time
from collections.abc import Callable

from app.domain.workspace import Workspace
from app.services.monitoring import health, sending
from app.services.monitoring.rules import rules_of
from app.services.workspaces import now
from app.store.engine import Store

LOOK_EVERY_S = 15.0
SEND_EVERY_S = 2.0


class HealthLooks:
    """Looks every fifteen seconds and tells what waits to be told every two; both survive errors and say them once."""

    def __init__(self, workspace: Workspace, store: Store, *, every_s: float = LOOK_EVERY_S) -> None:
        self.workspace, self.store, self.every_s = workspace, store, every_s
        self._gateway = health.Gateway(workspace, time.monotonic)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._said: dict[str, str] = {}

    def start(self) -> None:
        """Begin."""
        turns: list[tuple[str, Callable[[], object], float]] = [
            ("health", lambda: health.look(self.store, self.workspace, gateway=self._gateway), self.every_s),
            ("notices", lambda: sending.send_waiting(self.store, self.workspace), SEND_EVERY_S),
        ]
        for name, turn, every_s in turns:
            thread = threading.Thread(target=self._loop, args=(name, turn, every_s), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End; a hook that hangs is not waited for."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=1)

    def beat(self, name: str) -> None:
        """Say that a service works: whoever looks at the heartbeats knows when it does not."""
        rules = rules_of(self.workspace, None)
        health.beat(self.store, name, moment=now(), late_s=rules.health.heartbeat_s)

    @property
    def complaints(self) -> list[str]:
        """What is wrong now."""
        return list(self._said.values())

    def _loop(self, name: str, turn: Callable[[], object], every_s: float) -> None:
        while not self._stop.is_set():
            try:
                turn()
            except Exception as error:  # the next turn may go well; silence would be an alarm of its own
                says = f"{type(error).__name__}: {error}"
                if self._said.get(name) != says:
                    self._said[name] = says
                    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name}: {says}\n")
            else:
                self._said.pop(name, None)
            self._stop.wait(every_s)


__all__ = ["HealthLooks"]
