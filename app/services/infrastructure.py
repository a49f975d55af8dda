"""Starting, watching and stopping the services of a workspace: supervisor, orchestrator, worker, gateway, watcher."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

import app
from app.domain.errors import Unavailable
from app.domain.states import ServiceState
from app.domain.workspace import Workspace
from app.orchestration import ports, server
from app.services import upkeep
from app.services.workspaces import now, open_store
from app.store import holders, leases
from app.store.engine import Store
from app.store.holders import Holder
from app.store.queries.health import silent
from app.store.tables import Lease, Service

SERVICE_LEASE = "service"
SUPERVISOR = "supervisor"
SERVICES = ("orchestrator", "worker", "gateway", "watcher")
FIRST_START_S, LATER_START_S = 20.0, 8.0
TICK_S = 0.2
GIVE_UP_AFTER = 4


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now: its row, checked against the living process."""

    service: str
    state: ServiceState
    pid: int | None
    since: datetime | None
    detail: str
    restarts: int = 0
    silent_s: float | None = None
    """For how many seconds it should have said that it works and has not."""


@dataclass(frozen=True)
class Waiting:
    """What `up` or `down` waits for, how far it is (0 to 1), and how long it takes as a rule."""

    says: str
    share: float
    elapsed_s: float
    expected_s: float
    services: tuple[ServiceStatus, ...] = ()


Report = Callable[[Waiting], None]
_started: "list[subprocess.Popen[bytes]]" = []
"""Supervisors that this process started: they are meant to outlive it, and nobody should complain that they do."""


def status(store: Store) -> list[ServiceStatus]:
    """Every service: state, pid, since when, detail; a row whose process is gone reads as down."""
    with store.read() as session:
        rows = {row.name: row for row in session.execute(select(Service)).scalars()}
        holders = _holders(session)
    quiet = {beat.name: beat.silent_s for beat in silent(store.reader, now())}
    found = [_status_of(name, rows.get(name), holders.get(name)) for name in (SUPERVISOR, *SERVICES)]
    return [replace(one, silent_s=quiet.get(one.service)) for one in found]


def _status_of(name: str, row: Service | None, holder: Holder | None) -> ServiceStatus:
    if row is None:
        return ServiceStatus(name, ServiceState.DOWN, None, None, "never started")
    alive = holder is not None and lives(holder)
    if row.state in (ServiceState.UP, ServiceState.STARTING) and row.pid is not None and not alive:
        return ServiceStatus(name, ServiceState.DOWN, None, row.since, "its process is gone", row.restarts)
    return ServiceStatus(name, row.state, row.pid if alive else None, row.since, row.detail, row.restarts)


def is_up(store: Store) -> bool:
    """Whether every service is up."""
    return all(found.state is ServiceState.UP for found in status(store))


def client_environment(workspace: Workspace) -> dict[str, str]:
    """What plain Prefect and curl need to reach this workspace's services; raises Unavailable before the first `up`."""
    gateway = f"http://{ports.HOST}:{ports.port_of(workspace, 'gateway')}"
    return {
        **server.client_environment(server.endpoint(workspace)),
        "TRAINMASTER_WORKSPACE": str(workspace.root),
        "TRAINMASTER_GATEWAY": gateway,
        "TRAINMASTER_TOKEN": workspace.token_file.read_text().strip(),
    }


def report(
    store: Store, name: str, state: ServiceState, pid: int | None, detail: str, *, restarts: int | None = None
) -> None:
    """Write a service's row; `since` moves when state or pid change."""
    with store.write() as session:
        row = session.get(Service, name)
        if row is None:
            session.add(Service(name=name, state=state, pid=pid, since=now(), detail=detail, restarts=restarts or 0))
            return
        if (row.state, row.pid) != (state, pid):
            row.since = now()
        row.state, row.pid, row.detail = state, pid, detail
        row.restarts = row.restarts if restarts is None else restarts
        session.add(row)


def hold(store: Store, name: str, holder: Holder) -> None:
    """Record which process is a service; raises Busy when another living one is."""
    with store.write() as session:
        leases.take(session, SERVICE_LEASE, name, now(), holder=holder)


def let_go(store: Store, name: str) -> None:
    """Forget the process of a service that has ended."""
    with store.write() as session:
        leases.drop(session, SERVICE_LEASE, name)


def process_of(store: Store, name: str) -> Holder | None:
    """The living process of a service, or None."""
    with store.read() as session:
        holder = _holders(session).get(name)
    return holder if holder is not None and lives(holder) else None


def wake_worker(store: Store) -> bool:
    """Tell the worker that there is something to do; False when it is not up (it will find it by itself)."""
    holder = process_of(store, "worker")
    with store.read() as session:
        row = session.get(Service, "worker")
        ready = row is not None and row.state is ServiceState.UP and holder is not None and row.pid == holder.pid
    if holder is None or not ready:
        return False
    os.kill(holder.pid, signal.SIGUSR1)
    return True


def up(workspace: Workspace, on_progress: Report | None = None, *, timeout_s: float = 180.0) -> list[ServiceStatus]:
    """Start everything that is not up and wait until it is; a second call, in another terminal too, joins.

    Raises Unavailable with the end of the log when it takes longer than `timeout_s`.
    """
    tell = on_progress or (lambda _: None)
    begun = time.monotonic()
    first = not (workspace.prefect_home / "prefect.db").exists()
    expected_s = FIRST_START_S if first else LATER_START_S
    with open_store(workspace) as store:
        upkeep.heal(store)
        supervisor = None if process_of(store, SUPERVISOR) else _start_supervisor(workspace)
        while True:
            found = status(store)
            elapsed_s = time.monotonic() - begun
            pending = [s for s in found if s.state is not ServiceState.UP]
            says = _waits_for(pending, first=first)
            share = (len(found) - len(pending)) / len(found)
            tell(
                Waiting(
                    says,
                    max(share, min(0.95, elapsed_s / expected_s) if pending else 1.0),
                    elapsed_s,
                    expected_s,
                    tuple(found),
                )
            )
            if not pending:
                return found
            gone = supervisor is None or supervisor.poll() is not None
            if gone and process_of(store, SUPERVISOR) is None:
                code = 0 if supervisor is None else supervisor.returncode
                if code == 0 and elapsed_s < timeout_s:  # one that was there was just about to end
                    time.sleep(TICK_S)
                    upkeep.heal(store)
                    supervisor = _start_supervisor(workspace)
                    continue
                raise Unavailable(
                    f"the supervisor ended ({code}): {log_tail(workspace, SUPERVISOR)}",
                    next_step=f"read {workspace.logs / 'supervisor.log'}, then: trainmaster up",
                )
            failing = next(
                (s for s in pending if s.restarts >= GIVE_UP_AFTER and s.state is ServiceState.BACKING_OFF), None
            )
            if elapsed_s > timeout_s or (failing is not None and supervisor is not None):
                slow = failing or pending[0]
                raise Unavailable(
                    f"{slow.service} is not up after {elapsed_s:.0f} s: {slow.detail or slow.state}",
                    next_step=f"read {workspace.logs / (slow.service + '.log')}, then: trainmaster up",
                )
            time.sleep(TICK_S)


def _waits_for(pending: Iterable[ServiceStatus], *, first: bool) -> str:
    waiting = [s for s in pending if s.service != SUPERVISOR] or list(pending)
    if not waiting:
        return "all services are up"
    name = waiting[0].service
    why = " (its first start makes its database)" if first and name == "orchestrator" else ""
    return f"waiting for {name}{why}" + (
        f": {waiting[0].detail}" if waiting[0].state is ServiceState.BACKING_OFF else ""
    )


def _start_supervisor(workspace: Workspace) -> "subprocess.Popen[bytes]":
    log = open_log(workspace, SUPERVISOR)
    try:
        started = subprocess.Popen(
            [sys.executable, "-m", "app.watcher.supervisor", "--workspace", str(workspace.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=workspace.root,
            env=importable(os.environ.copy()),
            start_new_session=True,
            umask=0o077,
        )
        _started.append(started)
        return started
    finally:
        os.close(log)


def down(workspace: Workspace, on_progress: Report | None = None, *, timeout_s: float = 30.0) -> list[ServiceStatus]:
    """Stop every service and flow of the workspace by its own pid, wait for the ends, and give what is left (down)."""
    tell = on_progress or (lambda _: None)
    begun = time.monotonic()
    with open_store(workspace) as store:
        supervisor = process_of(store, SUPERVISOR)
        if supervisor is not None:
            os.kill(supervisor.pid, signal.SIGTERM)
        while supervisor is not None and lives(supervisor):
            elapsed_s = time.monotonic() - begun
            found = status(store)
            alive = [s.service for s in found if s.pid is not None]
            tell(
                Waiting(
                    f"stopping {', '.join(alive) or 'the supervisor'}",
                    1 - len(alive) / (len(found) + 1),
                    elapsed_s,
                    6.0,
                    tuple(found),
                )
            )
            if elapsed_s > timeout_s:
                os.kill(supervisor.pid, signal.SIGKILL)
                break
            time.sleep(TICK_S)
        stop_services(store, workspace)
        _started[:] = [one for one in _started if one.poll() is None]  # those that have ended are reaped
        let_go(store, SUPERVISOR)
        report(store, SUPERVISOR, ServiceState.DOWN, None, "stopped")
        found = status(store)
        tell(Waiting("all services are down", 1.0, time.monotonic() - begun, 6.0, tuple(found)))
        return found


def stop_services(store: Store, workspace: Workspace) -> None:
    """Stop what runs, runs first, the orchestrator last; the supervisor and `down` call it."""
    from app.services import runs

    for name in ("watcher", "worker"):
        _stop_service(store, name)
    runs.stop_all(store, workspace, "stopped by trainmaster down")
    for name in ("gateway", "orchestrator"):
        _stop_service(store, name)


def _stop_service(store: Store, name: str) -> None:
    holder = process_of(store, name)
    if holder is not None:
        end_process(holder)
    let_go(store, name)
    report(store, name, ServiceState.DOWN, None, "stopped")


def end_process(holder: Holder, grace_s: float = 8.0) -> None:
    """Ask a process to end, wait, and kill it when it does not; another process with its pid is left alone."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        if not lives(holder):
            return
        try:
            os.kill(holder.pid, number)
        except ProcessLookupError:
            return
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            _reap(holder.pid)
            if not lives(holder):
                return
            time.sleep(0.05)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def importable(environment: dict[str, str]) -> dict[str, str]:
    """The environment in which a child process imports the same `app` as this one, whatever its folder."""
    root = str(Path(app.__file__).resolve().parent.parent)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path and path != root]
    environment["PYTHONPATH"] = os.pathsep.join([root, *paths])
    return environment


def open_log(workspace: Workspace, name: str) -> int:
    """A descriptor that appends to a service's log (mode 0600); a log above 5 MB is set aside first."""
    workspace.logs.mkdir(exist_ok=True, mode=0o700)
    path = workspace.logs / f"{name}.log"
    if path.exists() and path.stat().st_size > 5_000_000:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)


def log_tail(workspace: Workspace, name: str) -> str:
    """The last line of a service's log, at most 300 characters; empty when there is none."""
    path = workspace.logs / f"{name}.log"
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        lines = [line for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _holders(session: Session) -> dict[str, Holder]:
    found = session.execute(select(Lease).where(col(Lease.kind) == SERVICE_LEASE)).scalars()
    return {lease.key: Holder(lease.boot_id, lease.pid, lease.process_started) for lease in found}


def lives(holder: Holder) -> bool:
    """Whether a process still runs on this machine, since this boot."""
    return holder.boot_id == holders.boot_id() and holders.process_lives(holder)
