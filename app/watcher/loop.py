"""The watcher: hears of new files, heals, submits what waits, and lets alerts start runs."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.domain.errors import TrainmasterError
from app.domain.states import ServiceState
from app.domain.workspace import Workspace
from app.services import infrastructure, runs
from app.services.workspaces import find_workspace, open_store
from app.store.engine import Store

BEAT_S = 2.0
RECONCILE_EVERY = 3


class Watcher:
    """One turn every two seconds; a step that fails is written down and tried again in the next turn."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace, self.store = workspace, store
        self.stop = threading.Event()
        self._turns = 0
        self._said: dict[str, str] = {}

    def run(self) -> None:
        """Watch until SIGTERM."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        infrastructure.report(self.store, "watcher", ServiceState.UP, os.getpid(), "watches")
        while not self.stop.is_set():
            self.turn()
            self.stop.wait(BEAT_S)

    def turn(self) -> None:
        """Everything that is due now."""
        self._turns += 1
        self._step("submit", lambda: runs.submit_waiting(self.store, self.workspace))
        if self._turns % RECONCILE_EVERY == 0:
            self._step("reconcile", lambda: runs.reconcile(self.store, self.workspace))

    def _step(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except TrainmasterError as error:
            self._say(name, str(error))
        except Exception as error:
            self._say(name, f"{type(error).__name__}: {error}")
        else:
            self._said.pop(name, None)

    def _say(self, name: str, says: str) -> None:
        if self._said.get(name) != says:
            self._said[name] = says
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name}: {says}\n")


def main() -> None:
    """`python -m app.watcher.loop --workspace DIR`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", required=True, type=Path)
    workspace = find_workspace(Path.cwd(), named=parser.parse_args().workspace)
    with open_store(workspace) as store:
        Watcher(workspace, store).run()


if __name__ == "__main__":
    main()
