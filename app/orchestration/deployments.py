"""Registers, for each project, a deployment of every flow in our work pool: `train/flight-delay` and its kin."""

from collections.abc import Iterable

from app.domain.errors import NotFound
from app.domain.workspace import Workspace
from app.orchestration.client import Json, Orchestrator

POOL = "trainmaster"
WORKER_TYPE = "trainmaster"
FLOWS = (
    "ingest",
    "features",
    "materialize",
    "train",
    "experiment",
    "ablate",
    "deploy",
    "predict",
    "monitor",
    "arrival",
    "pipeline",
    "ci",
)

PARAMETERS: Json = {
    "title": "Parameters",
    "type": "object",
    "required": ["project"],
    "properties": {
        "project": {"type": "string", "position": 0, "title": "project"},
        "run": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "position": 1, "title": "run"},
        "cause": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "position": 2, "title": "cause"},
        "cause_key": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
            "position": 3,
            "title": "cause_key",
        },
        "parameters": {
            "anyOf": [{"type": "object"}, {"type": "null"}],
            "default": None,
            "position": 4,
            "title": "parameters",
        },
        "workspace": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
            "position": 5,
            "title": "workspace",
        },
    },
}


def deployment_name(flow: str, project: str) -> str:
    """How Prefect names the deployment of a flow for a project.

    >>> deployment_name("train", "flight-delay")
    'train/flight-delay'
    """
    return f"{flow}/{project}"


def entrypoint_of(flow: str) -> str:
    """Where the flow's Prefect object stands, as `module.attribute`.

    >>> entrypoint_of("train")
    'flows.prefect_flows.train'
    """
    return f"flows.prefect_flows.{flow}"


def register(orchestrator: Orchestrator, workspace: Workspace, projects: Iterable[str]) -> list[str]:
    """Create or bring up to date the work pool and all deployments; gives the names of the deployments.

    It may be repeated. Raises Unavailable when the server does not answer.
    """
    _ensure_pool(orchestrator)
    names = []
    wanted = list(projects)
    for flow in FLOWS:
        flow_id = orchestrator.post("flows/", {"name": flow})["id"]
        for project in wanted:
            orchestrator.post(
                "deployments/",
                {
                    "name": project,
                    "flow_id": flow_id,
                    "work_pool_name": POOL,
                    "entrypoint": entrypoint_of(flow),
                    "path": None,
                    "pull_steps": [],
                    "parameters": {"project": project, "workspace": str(workspace.root)},
                    "parameter_openapi_schema": PARAMETERS,
                    "enforce_parameter_schema": True,
                    "tags": ["trainmaster", project],
                    "description": f"The {flow} flow of {project}; its runs are in the ledger of the workspace.",
                },
            )
            names.append(deployment_name(flow, project))
    return names


def _ensure_pool(orchestrator: Orchestrator) -> None:
    try:
        orchestrator.get(f"work_pools/{POOL}")
    except NotFound:
        # The worker adds its own job template when it first comes.
        orchestrator.post("work_pools/", {"name": POOL, "type": WORKER_TYPE})
