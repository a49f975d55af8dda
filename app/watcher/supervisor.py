"""The supervisor: starts the services in order, keeps them running with back-off, and ends with all of them."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import Busy, TrainmasterError
from app.domain.processes import BEFORE_LIBRARIES
from app.domain.states import ServiceState
from app.domain.workspace import Workspace
from app.orchestration import ports
from app.orchestration.automations import register_automations
from app.orchestration.client import Orchestrator
from app.orchestration.deployments import register
from app.orchestration.server import (
    endpoint,
    foreign_url,
    server_command,
    server_environment,
    worker_environment,
)
from app.services import infrastructure
from app.services.infrastructure import SUPERVISOR
from app.services.monitoring import health
from app.services.monitoring.rules import rules_of
from app.services.workspaces import find_workspace, now, open_store, project_names
from app.store import holders
from app.store.engine import Store
from app.store.holders import Holder

TICK_S = 0.1
RENEW_S = 3.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
START_LIMIT_S = 120.0


@dataclass
class Child:
    """One supervised process."""

    name: str
    command: Callable[[], tuple[list[str], dict[str, str]]]
    may_start: Callable[[], bool]
    is_ready: Callable[["Child"], bool]
    process: "subprocess.Popen[bytes] | None" = None
    leash: int = -1
    state: ServiceState = ServiceState.STARTING
    started: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    restarts: int = 0
    looked: float = 0.0
    holder: Holder | None = field(default=None)

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        return self.process.pid if self.process is not None else None


class Supervisor:
    """Keeps the services of one workspace."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace, self.store = workspace, store
        self.stopping = False
        self._renewed = 0.0
        self._registered: tuple[str, ...] | None = None
        self._registered_at = 0.0
        self._foreign = foreign_url(workspace)
        self.orchestrator = Child("orchestrator", self._server, lambda: True, self._server_answers)
        self.worker = Child("worker", self._worker, lambda: True, self._said_up)
        self.gateway = Child("gateway", self._gateway, lambda: True, self._gateway_answers)
        self.watcher = Child("watcher", self._watcher, lambda: True, self._said_up)
        self.children = [self.orchestrator, self.worker, self.gateway, self.watcher]
        if self._foreign is not None:
            self.children.remove(self.orchestrator)

    def run(self) -> None:
        """Supervise until SIGTERM, then stop everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        me = holders.this_process()
        infrastructure.hold(self.store, SUPERVISOR, me)
        infrastructure.report(self.store, SUPERVISOR, ServiceState.UP, me.pid, "watches over the other four")
        self._end_orphans()
        for child in self.children:
            infrastructure.report(self.store, child.name, ServiceState.STARTING, None, "about to start", restarts=0)
        try:
            while not self.stopping:
                self._turn(me)
                time.sleep(TICK_S)
        finally:
            infrastructure.report(self.store, SUPERVISOR, ServiceState.UP, me.pid, "stopping")
            infrastructure.stop_services(self.store, self.workspace)
            self._reap_all()
            infrastructure.report(self.store, SUPERVISOR, ServiceState.DOWN, None, "stopped")
            infrastructure.let_go(self.store, SUPERVISOR)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _turn(self, me: Holder) -> None:
        moment = time.monotonic()
        if moment - self._renewed > RENEW_S:
            self._renewed = moment
            infrastructure.hold(self.store, SUPERVISOR, me)
            for child in self.children:
                if child.holder is not None and child.process is not None:
                    infrastructure.hold(self.store, child.name, child.holder)
            if self._foreign is not None:
                self._look_at_foreign_server()
            self._listen()
        for child in self.children:
            self._care_for(child, moment)
        if moment - self._registered_at > RENEW_S:
            self._register_new_projects(moment)

    def _listen(self) -> None:
        """Say that this process works, and raise the alarm when the watcher says nothing."""
        try:
            late_s = rules_of(self.workspace, None).health.heartbeat_s
            health.beat(self.store, SUPERVISOR, moment=now(), late_s=late_s)
            health.watch_the_watcher(self.store, self.workspace)
        except TrainmasterError as error:
            sys.stderr.write(f"heartbeats: {error}\n")

    def _care_for(self, child: Child, moment: float) -> None:
        if child.process is None:
            if moment >= child.retry_at and child.may_start():
                self._start(child, moment)
            return
        code = child.process.poll()
        if code is not None:
            self._after_death(child, code, moment)
        elif child.state is not ServiceState.UP and moment - child.looked > 0.15:
            child.looked = moment
            if child.is_ready(child):
                child.state = ServiceState.UP
                if address := self._address(child):
                    self._report(child, address)
            elif moment - child.started > START_LIMIT_S:
                child.process.kill()
        elif child.state is ServiceState.UP and child.failures and moment - child.started > STEADY_S:
            child.failures = 0

    def _start(self, child: Child, moment: float) -> None:
        arguments, environment = child.command()
        log = infrastructure.open_log(self.workspace, child.name)
        reading, child.leash = os.pipe()
        try:
            child.process = subprocess.Popen(
                [sys.executable, "-m", "app.watcher.leash", *arguments],
                stdin=reading,
                stdout=log,
                stderr=log,
                cwd=self.workspace.root,
                env=infrastructure.importable(environment),
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(log)
            os.close(reading)
        child.started, child.state = moment, ServiceState.STARTING
        child.holder = holders.holder_of(child.process.pid)
        infrastructure.let_go(self.store, child.name)
        infrastructure.hold(self.store, child.name, child.holder)
        self._report(child, "starting")

    def _after_death(self, child: Child, code: int, moment: float) -> None:
        os.close(child.leash)
        child.process, child.holder = None, None
        child.failures += 1
        child.restarts += 1
        pause_s = min(0.25 * 2 ** (child.failures - 1), LONGEST_PAUSE_S)
        child.retry_at = moment + pause_s
        child.state = ServiceState.BACKING_OFF
        if child is self.orchestrator:
            self._registered = None
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        last = infrastructure.log_tail(self.workspace, child.name) if code > 0 else ""
        self._report(child, f"ended ({how}), again in {pause_s:.1f} s" + (f": {last}" if last else ""))

    def _report(self, child: Child, detail: str) -> None:
        infrastructure.report(self.store, child.name, child.state, child.pid, detail, restarts=child.restarts)

    def _address(self, child: Child) -> str:
        if child is self.orchestrator or child is self.gateway:
            return f"http://{ports.HOST}:{ports.port_of(self.workspace, child.name)}"
        return ""

    def _server(self) -> tuple[list[str], dict[str, str]]:
        before = ports.read_ports(self.workspace).get("orchestrator")
        port = ports.choose_port(self.workspace, "orchestrator")
        if before != port and self.worker.process is not None:
            self.worker.process.terminate()
        return server_command(port), server_environment(self.workspace, port) | {"PREFECT__SERVER_FINAL": "1"}

    def _worker(self) -> tuple[list[str], dict[str, str]]:
        environment = worker_environment(self.workspace, endpoint(self.workspace))
        return ["app.watcher.worker", "--workspace", str(self.workspace.root)], environment

    def _gateway(self) -> tuple[list[str], dict[str, str]]:
        ports.choose_port(self.workspace, "gateway")
        environment = os.environ | BEFORE_LIBRARIES
        return ["app.gateway", "--workspace", str(self.workspace.root)], dict(environment)

    def _watcher(self) -> tuple[list[str], dict[str, str]]:
        return ["app.watcher.loop", "--workspace", str(self.workspace.root)], dict(os.environ | BEFORE_LIBRARIES)

    def _server_answers(self, _child: Child) -> bool:
        port = ports.port_of(self.workspace, "orchestrator")
        if not ports.answers(port):
            return False
        with Orchestrator(endpoint(self.workspace), timeout_s=5.0) as orchestrator:
            return orchestrator.is_healthy() and self._register(tuple(project_names(self.workspace)))

    def _gateway_answers(self, _child: Child) -> bool:
        return ports.answers(ports.port_of(self.workspace, "gateway"))

    def _said_up(self, child: Child) -> bool:
        found = next(s for s in infrastructure.status(self.store) if s.service == child.name)
        return found.state is ServiceState.UP and found.pid == child.pid

    def _look_at_foreign_server(self) -> None:
        with Orchestrator(endpoint(self.workspace), timeout_s=2.0) as orchestrator:
            healthy = orchestrator.is_healthy()
        self.orchestrator.state = ServiceState.UP if healthy else ServiceState.DOWN
        says = f"{self._foreign} (not ours)" if healthy else f"{self._foreign} does not answer"
        infrastructure.report(self.store, "orchestrator", self.orchestrator.state, None, says)

    def _register_new_projects(self, moment: float) -> None:
        if self.orchestrator.state is not ServiceState.UP:
            return
        self._registered_at = moment
        names = tuple(project_names(self.workspace))
        if names != self._registered:
            self._register(names)

    def _register(self, names: tuple[str, ...]) -> bool:
        """Register the deployments and automations of projects; False when the server refuses or does not answer."""
        try:
            with Orchestrator(endpoint(self.workspace)) as orchestrator:
                register(orchestrator, self.workspace, names)
                register_automations(orchestrator, names)
        except TrainmasterError as error:
            sys.stderr.write(f"registering deployments: {error}\n")
            return False
        self._registered = names
        return True

    def _end_orphans(self) -> None:
        """Processes of an earlier supervisor that are still there are ended, so that there are never two of a kind."""
        for name in infrastructure.SERVICES:
            holder = infrastructure.process_of(self.store, name)
            if holder is not None:
                infrastructure.end_process(holder)
            infrastructure.let_go(self.store, name)

    def _reap_all(self) -> None:
        for child in self.children:
            if child.process is not None:
                try:
                    child.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    child.process.kill()


def main() -> None:
    """`python -m app.watcher.supervisor --workspace DIR`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", required=True, type=Path)
    workspace = find_workspace(Path.cwd(), named=parser.parse_args().workspace)
    with open_store(workspace) as store:
        try:
            Supervisor(workspace, store).run()
        except Busy as error:
            sys.stderr.write(f"{error}\n")


if __name__ == "__main__":
    main()
