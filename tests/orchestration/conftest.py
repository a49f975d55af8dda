"""One set of real services for all tests of a session."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

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


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Services that are up, with the project `demo` and a deployment of the test's own flow."""
    workspace = make_workspace(tmp_path_factory.mktemp("live"))
    add_project(workspace)
    try:
        infrastructure.up(workspace, timeout_s=90)
        with open_store(workspace) as store:
            found = Live(workspace, store)
            register_tiny(found)
            yield found
    finally:
        infrastructure.down(workspace)


def register_tiny(live: Live) -> None:
    """Register the test's flow as `tiny/demo`."""
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
