"""Asking for runs: the request is a row first, then a flow run of the orchestrator; it waits when that is down."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, TrainmasterError, Unavailable
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.orchestration.client import Orchestrator
from app.orchestration.deployments import POOL, deployment_name, register
from app.orchestration.server import endpoint
from app.services import infrastructure
from app.services.running import register_project
from app.services.workspaces import actor, now, open_project, project_names
from app.store import leases, ledger
from app.store.engine import Store
from app.store.leases import Holder
from app.store.tables import Project, Run

SETTLED_S = 10.0
PENDING_S = 45.0
UP = "trainmaster up"


def request(
    store: Store,
    workspace: Workspace,
    project: str,
    flow: str,
    parameters: Mapping[str, object] | None = None,
    *,
    cause: CauseKind = CauseKind.PERSON,
    cause_key: str | None = None,
) -> str:
    """Write the wish for a run and hand it to the orchestrator; gives the run's key.

    When the orchestrator is down the row waits (its next step is `trainmaster up`) and the watcher submits it later.
    Raises NotFound or BadInput when the project cannot be opened.
    """
    project_id = register_project(store, open_project(workspace, project))
    with store.write() as session:
        run = ledger.request_run(
            session,
            flow=flow,
            project_id=project_id,
            requested_by=actor(),
            now=now(),
            cause=cause,
            cause_key=cause_key,
            parameters=parameters,
        )
        run.next_step = UP
    submit_waiting(store, workspace, only=run.key)
    return run.key


@dataclass(frozen=True)
class Wish:
    """A requested run that no orchestrator has yet."""

    key: str
    flow: str
    project: str


def waiting(store: Store) -> list[Wish]:
    """The requested runs that no orchestrator has yet, oldest first."""
    with store.read() as session:
        rows = session.execute(
            select(col(Run.key), col(Run.flow), col(Project.name))
            .join(Project, col(Project.id) == col(Run.project_id))
            .where(col(Run.state) == RunState.REQUESTED, col(Run.prefect_id).is_(None))
            .order_by(col(Run.id))
        ).all()
    return [Wish(*row) for row in rows]


def submit_waiting(store: Store, workspace: Workspace, *, only: str | None = None) -> int:
    """Submit what waits, each once (the run's key is the idempotency key); gives how many; 0 when it is down."""
    wishes = [wish for wish in waiting(store) if only is None or wish.key == only]
    if not wishes:
        return 0
    submitted = 0
    try:
        with Orchestrator(endpoint(workspace)) as orchestrator:
            for wish in wishes:
                _submit(store, workspace, orchestrator, wish)
                submitted += 1
    except Unavailable:
        return submitted
    infrastructure.wake_worker(store)
    return submitted


def _submit(store: Store, workspace: Workspace, orchestrator: Orchestrator, wish: Wish) -> None:
    with store.read() as session:
        run = ledger.find_run(session, wish.key)
        parameters = {
            "project": wish.project,
            "run": wish.key,
            "cause": str(run.cause),
            "cause_key": run.cause_key,
            "parameters": json.loads(run.parameters),
            "workspace": str(workspace.root),
        }
    name = deployment_name(wish.flow, wish.project)
    try:
        made = orchestrator.start(name, parameters, idempotency_key=wish.key, name=wish.key)
    except NotFound:
        register(orchestrator, workspace, project_names(workspace))
        try:
            made = orchestrator.start(name, parameters, idempotency_key=wish.key, name=wish.key)
        except NotFound as error:
            _end(store, wish.key, RunState.FAILED, f"there is no flow {wish.flow!r} to run", "trainmaster runs ls")
            raise Refused(f"there is no flow {wish.flow!r} to run", next_step="trainmaster runs ls") from error
    with store.write() as session:
        session.connection().execute(
            update(Run)
            .where(col(Run.key) == wish.key, col(Run.prefect_id).is_(None))
            .values(prefect_id=made, next_step="")
        )


def cancel(store: Store, workspace: Workspace, key: str, *, reason: str = "cancelled by request") -> RunState:
    """Cancel a requested or running run: its row at once, its process through the orchestrator or by itself.

    Raises NotFound for an unknown key, Refused when the run has ended.
    """
    with store.read() as session:
        run = ledger.find_run(session, key)
        key, flow_run = run.key, run.prefect_id
        if run.state.ended:
            raise Refused(f"run {key} is {run.state} already", next_step=f"trainmaster runs show {key}")
        holder = _holder_of(session, key)
    _end(store, key, RunState.CANCELLED, reason)
    if flow_run is not None and _cancel_in_prefect(workspace, flow_run, running=holder is not None):
        return RunState.CANCELLED
    if holder is not None and holder.pid != os.getpid() and infrastructure.lives(holder):
        os.kill(holder.pid, signal.SIGINT)
    return RunState.CANCELLED


def _holder_of(session: Session, key: str) -> Holder | None:
    lease = leases.find(session, ledger.RUN_LEASE, key)
    return Holder(lease.boot_id, lease.pid, lease.process_started) if lease else None


def _cancel_in_prefect(workspace: Workspace, flow_run: str, *, running: bool) -> bool:
    kind = "CANCELLING" if running else "CANCELLED"
    try:
        with Orchestrator(endpoint(workspace)) as orchestrator:
            body = {"type": kind, "name": kind.capitalize(), "message": "cancelled by request"}
            orchestrator.post(f"flow_runs/{flow_run}/set_state", {"state": body})
    except TrainmasterError:
        return False
    return True


def stop_all(store: Store, workspace: Workspace, reason: str) -> int:
    """Cancel every run that an orchestrated process executes now and end those processes; gives how many runs."""
    with store.read() as session:
        running = session.execute(
            select(col(Run.key), col(Run.prefect_id)).where(
                col(Run.state) == RunState.RUNNING, col(Run.prefect_id).is_not(None)
            )
        ).all()
        found = [(key, flow_run, _holder_of(session, key)) for key, flow_run in running]
    for key, flow_run, holder in found:
        _end(store, key, RunState.CANCELLED, reason)
        if holder is not None and holder.pid != os.getpid():
            infrastructure.end_process(holder, grace_s=3.0)
        try:
            with Orchestrator(endpoint(workspace), timeout_s=2.0) as orchestrator:
                orchestrator.end(flow_run, "CANCELLED", reason)
        except TrainmasterError:
            continue
    return len(found)


def child_ended(store: Store, prefect_id: str, run_key: str | None, exit_code: int) -> None:
    """Hear from the worker that a flow's process ended; one that did not end its run has crashed."""
    if exit_code == 0:
        return
    with store.read() as session:
        found = session.execute(
            select(col(Run.key), col(Run.state)).where(
                (col(Run.prefect_id) == prefect_id) | (col(Run.key) == (run_key or ""))
            )
        ).all()
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    for key, state in found:
        if not state.ended:
            _end(store, key, RunState.CRASHED, f"its process ended ({how})", f"trainmaster runs logs {key}")


def reconcile(store: Store, workspace: Workspace) -> int:
    """Make Prefect and the ledger agree after a death of either; gives how many flow runs were set right.

    A run that ended in the ledger ends in Prefect; a requested run that Prefect lost, ended or left pending is
    submitted again or ended.
    """
    changed = 0
    try:
        with Orchestrator(endpoint(workspace), timeout_s=5.0) as orchestrator:
            changed += _end_zombies(store, orchestrator)
            changed += _revive_requests(store, orchestrator)
    except Unavailable:
        return changed
    return changed


def _end_zombies(store: Store, orchestrator: Orchestrator) -> int:
    unended = orchestrator.post(
        "flow_runs/filter",
        {
            "flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}},
            "work_pools": {"name": {"any_": [POOL]}},
            "limit": 200,
        },
    )
    changed = 0
    for flow_run in unended:
        with store.read() as session:
            found = session.execute(
                select(col(Run.state), col(Run.finished_at), col(Run.error)).where(
                    col(Run.prefect_id) == flow_run["id"]
                )
            ).first()
        if found is None or not found[0].ended or now() - found[1] < timedelta(seconds=SETTLED_S):
            continue
        orchestrator.end(flow_run["id"], found[0].upper(), found[2] or f"the ledger says {found[0]}")
        changed += 1
    return changed


def _revive_requests(store: Store, orchestrator: Orchestrator) -> int:
    with store.read() as session:
        rows = session.execute(
            select(col(Run.key), col(Run.prefect_id)).where(
                col(Run.state) == RunState.REQUESTED,
                col(Run.prefect_id).is_not(None),
                col(Run.requested_at) < now() - timedelta(seconds=SETTLED_S),
            )
        ).all()
    changed = 0
    for key, flow_run in rows:
        try:
            found = orchestrator.get(f"flow_runs/{flow_run}")
        except NotFound:
            with store.write() as session:
                session.connection().execute(
                    update(Run).where(col(Run.key) == key).values(prefect_id=None, next_step=UP)
                )
            changed += 1
            continue
        match found["state_type"]:
            case "CANCELLED":
                _end(store, key, RunState.CANCELLED, "cancelled in Prefect")
                changed += 1
            case "CRASHED" | "FAILED" | "COMPLETED":
                says = (found.get("state") or {}).get("message") or "it ended before it began"
                _end(store, key, RunState.CRASHED, says[:500], f"trainmaster runs logs {key}")
                changed += 1
            case "PENDING" if _age_s(found["state"]["timestamp"]) > PENDING_S:
                body = {"type": "SCHEDULED", "name": "Scheduled", "message": "its worker died before it began"}
                orchestrator.post(f"flow_runs/{flow_run}/set_state", {"state": body, "force": True})
                changed += 1
    return changed


def _age_s(timestamp: str) -> float:
    return (now() - datetime.fromisoformat(timestamp.replace("Z", "+00:00"))).total_seconds()


def _end(store: Store, key: str, state: RunState, error: str, next_step: str = "") -> None:
    with store.write() as session:
        run = ledger.find_run(session, key)
        took = (now() - run.started_at).total_seconds() if run.started_at else 0.0
        ledger.finish_run(session, run, state, now=now(), duration_s=took, error=error, next_step=next_step)
