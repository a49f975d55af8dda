"""One set of real services for all tests of a session that need them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.workspace import Workspace
from app.orchestration.client import Orchestrator
from app.orchestration.deployments import PARAMETERS, POOL
from app.orchestration.server import endpoint
from app.services import infrastructure
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store
from tests.orchestration.projects import add_project


@dataclass(frozen=True)
class Live:
    """A workspace whose services are up."""

    workspace: Workspace
    store: Store

    def orchestrator(self) -> Orchestrator:
        """A client of the workspace's Prefect server."""
        return Orchestrator(endpoint(self.workspace))


@contextmanager
def services_up(root: Path) -> Iterator[Live]:
    """Services that are up, with the project `demo` and a deployment of the tests' own flow; down afterwards."""
    workspace = make_workspace(root)
    add_project(workspace)
    try:
        infrastructure.up(workspace, timeout_s=240)  # a busy machine is no fault
        with open_store(workspace) as store:
            live = Live(workspace, store)
            register_tiny(live)
            yield live
    finally:
        infrastructure.down(workspace)


def register_tiny(live: Live) -> None:
    """Register the tests' flow as `tiny/demo`."""
    with live.orchestrator() as orchestrator:
        flow = orchestrator.post("flows/", {"name": "tiny"})
        orchestrator.post(
            "deployments/",
            {
                "name": "demo",
                "flow_id": flow["id"],
                "work_pool_name": POOL,
                "entrypoint": "tests.orchestration.tiny.prefect_tiny",
                "parameters": {"project": "demo", "workspace": str(live.workspace.root)},
                "parameter_openapi_schema": PARAMETERS,
                "enforce_parameter_schema": True,
            },
        )
