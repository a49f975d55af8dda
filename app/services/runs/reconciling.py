"""Making Prefect and the ledger agree after a death of either."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import col

from app.domain.errors import NotFound, Unavailable
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.orchestration.client import Json, Orchestrator
from app.orchestration.deployments import POOL
from app.orchestration.server import endpoint
from app.services.runs.ending import HERE, end
from app.services.runs.requests import UP
from app.services.workspaces import now
from app.store.engine import Store
from app.store.tables import Run

SETTLED_S = 10.0
PENDING_S = 45.0


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
        if found is None or found[0] is RunState.REQUESTED:
            changed += _end_unbegun(orchestrator, flow_run, is_known=found is not None)
        elif found[0].ended and now() - found[1] > timedelta(seconds=SETTLED_S):
            orchestrator.end(flow_run["id"], found[0].upper(), found[2] or f"the ledger says {found[0]}")
            changed += 1
    return changed


def _end_unbegun(orchestrator: Orchestrator, flow_run: Json, *, is_known: bool) -> int:
    """A flow run that no run of the ledger belongs to, long after it was taken: its process died before it began."""
    if _age_s(flow_run["state"]["timestamp"]) < PENDING_S:
        return 0
    match flow_run["state_type"]:
        case "PENDING" if not is_known:
            _schedule_again(orchestrator, flow_run["id"])
        case "RUNNING":
            orchestrator.end(flow_run["id"], "CRASHED", "its process died before it began")
        case "CANCELLING":
            orchestrator.end(flow_run["id"], "CANCELLED", "cancelled before it began")
        case _:
            return 0
    return 1


def _schedule_again(orchestrator: Orchestrator, flow_run: str) -> None:
    body = {"type": "SCHEDULED", "name": "Scheduled", "message": "its worker died before it began"}
    orchestrator.post(f"flow_runs/{flow_run}/set_state", {"state": body, "force": True})


def _revive_requests(store: Store, orchestrator: Orchestrator) -> int:
    with store.read() as session:
        rows = session.execute(
            select(col(Run.key), col(Run.prefect_id)).where(
                col(Run.state) == RunState.REQUESTED,
                col(Run.prefect_id).is_not(None),
                col(Run.prefect_id) != HERE,
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
                end(store, key, RunState.CANCELLED, "cancelled in Prefect")
                changed += 1
            case "CRASHED" | "FAILED" | "COMPLETED":
                says = (found.get("state") or {}).get("message") or "it ended before it began"
                end(store, key, RunState.CRASHED, says[:500], f"trainmaster runs logs {key}")
                changed += 1
            case "PENDING" if _age_s(found["state"]["timestamp"]) > PENDING_S:
                _schedule_again(orchestrator, flow_run)
                changed += 1
    return changed


def _age_s(timestamp: str) -> float:
    return (now() - datetime.fromisoformat(timestamp.replace("Z", "+00:00"))).total_seconds()
