"""The watcher: hears of new files, heals, submits what waits, and lets alerts start runs."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app.domain.errors import TrainmasterError
from app.domain.states import ServiceState
from app.domain.workspace import Workspace
from app.services import feedback, infrastructure, monitoring, runs, upkeep
from app.services.workspaces import find_workspace, now, open_store, project_names
from app.store.engine import Store
from app.store.moments import parse_utc
from app.store.queries.infrastructure import services
from app.watcher.arrivals import Arrivals
from app.watcher.commits import Commits
from app.watcher.health import HealthLooks

BEAT_S = 2.0
RECONCILE_EVERY = 3
LISTENS_AFTER = timedelta(seconds=5)
"""So long after its start the orchestrator has taken up the automations that were registered."""


class Watcher:
    """One turn every two seconds; a step that fails is written down and tried again in the next turn."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace, self.store = workspace, store
        self.stop = threading.Event()
        self._turns = 0
        self._said: dict[str, str] = {}
        self.arrivals = Arrivals(workspace, store)
        self.commits = Commits(workspace, store)
        self.health = HealthLooks(workspace, store)

    def run(self) -> None:
        """Watch until SIGTERM."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        self.arrivals.start()
        self.health.start()
        self._tell()
        try:
            while not self.stop.is_set():
                self.turn()
                self.stop.wait(BEAT_S)
        finally:
            self.health.stop()
            self.arrivals.stop()

    def turn(self) -> None:
        """Everything that is due now."""
        self._turns += 1
        self._step("files", self.arrivals.turn)
        self._step("commits", self.commits.turn)
        self._step("heal", lambda: upkeep.heal(self.store))
        self._step("submit", lambda: runs.submit_waiting(self.store, self.workspace))
        self._step("events", self._send)
        self._step("settle", lambda: feedback.settle(self.store, self.workspace))
        if self._turns % RECONCILE_EVERY == 0:
            self._step("schedule", lambda: feedback.ask_by_schedule(self.store, self.workspace))
            self._step("reconcile", lambda: runs.reconcile(self.store, self.workspace))
            self._step("report", self._tell)

    def _send(self) -> None:
        """Send decisions, once the orchestrator's automations listen: what is sent before is lost for five minutes."""
        found = next((one for one in services(self.store.reader) if one.name == "orchestrator"), None)
        if found is not None and found.state == ServiceState.UP and now() - parse_utc(found.since) > LISTENS_AFTER:
            monitoring.emit_waiting(self.store, self.workspace)

    def _tell(self) -> None:
        """Write the watcher's row: how many projects it watches, and what is wrong with their files or with itself."""
        count = len(project_names(self.workspace))
        troubles = [*self.arrivals.complaints.values(), *self._said.values(), *self.health.complaints]
        says = f"watches {count} project{'' if count == 1 else 's'}" + "".join(f" · {one}" for one in troubles)
        infrastructure.report(self.store, "watcher", ServiceState.UP, os.getpid(), says[:1000])
        self.health.beat("watcher")

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
