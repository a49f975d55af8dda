"""Asking for runs: the request is a row first, then a flow run of the orchestrator; it waits when that is down."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlmodel import col

from app.domain.errors import NotFound, Refused, Unavailable
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.orchestration.client import Orchestrator
from app.orchestration.deployments import deployment_name, register
from app.orchestration.server import endpoint
from app.services import infrastructure
from app.services.running import register_project
from app.services.runs.ending import end
from app.services.workspaces import actor, now, open_project, project_names
from app.store import ledger
from app.store.engine import Store
from app.store.tables import Project, Run

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
            end(store, wish.key, RunState.FAILED, f"there is no flow {wish.flow!r} to run", "trainmaster runs ls")
            raise Refused(f"there is no flow {wish.flow!r} to run", next_step="trainmaster runs ls") from error
    with store.write() as session:
        session.connection().execute(
            update(Run)
            .where(col(Run.key) == wish.key, col(Run.prefect_id).is_(None))
            .values(prefect_id=made, next_step="")
        )
