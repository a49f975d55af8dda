"""Ending runs from outside: by request, because the services stop, or because their process is gone."""

import os
import signal

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused, TrainmasterError
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.orchestration.client import Orchestrator
from app.orchestration.server import endpoint
from app.services import infrastructure
from app.services.workspaces import now
from app.store import leases, ledger
from app.store.engine import Store
from app.store.holders import Holder
from app.store.tables import Run

HERE = "here"
"""Stands for the id of a Prefect flow run in a run that is executed without a server."""


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
    end(store, key, RunState.CANCELLED, reason)
    if flow_run not in (None, HERE) and _cancel_in_prefect(workspace, flow_run, running=holder is not None):
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
                col(Run.state) == RunState.RUNNING, col(Run.prefect_id).is_not(None), col(Run.prefect_id) != HERE
            )
        ).all()
        found = [(key, flow_run, _holder_of(session, key)) for key, flow_run in running]
    for key, flow_run, holder in found:
        end(store, key, RunState.CANCELLED, reason)
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
            end(store, key, RunState.CRASHED, f"its process ended ({how})", f"trainmaster runs logs {key}")


def end(store: Store, key: str, state: RunState, error: str, next_step: str = "") -> None:
    """End a run that has not ended yet, from outside of it."""
    with store.write() as session:
        run = ledger.find_run(session, key)
        took = (now() - run.started_at).total_seconds() if run.started_at else 0.0
        ledger.finish_run(session, run, state, now=now(), duration_s=took, error=error, next_step=next_step)
