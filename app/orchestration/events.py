"""Events that Prefect automations listen to."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from app.domain.workspace import Workspace
from app.orchestration.client import Orchestrator
from app.orchestration.server import endpoint

ALERT_OPENED = "trainmaster.alert.opened"
RETRAIN_WANTED = "trainmaster.retrain.wanted"


def project_resource(project: str) -> str:
    """The resource that the events of a project are about.

    >>> project_resource("flight-delay")
    'trainmaster.project.flight-delay'
    """
    return f"trainmaster.project.{project}"


def emit(workspace: Workspace, event: str, resource: str, payload: Mapping[str, object], *, key: str = "") -> None:
    """Send one event to the workspace's orchestrator; raises Unavailable when it does not answer.

    With `key` the event gets an id that is the same each time, so that a repetition is not a second event.
    """
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{event}/{resource}/{key}") if key else uuid.uuid4()
    with Orchestrator(endpoint(workspace)) as orchestrator:
        orchestrator.post(
            "events",
            [
                {
                    "id": str(identity),
                    "occurred": datetime.now(UTC).isoformat(),
                    "event": event,
                    "resource": {"prefect.resource.id": resource},
                    "related": [],
                    "payload": dict(payload),
                }
            ],
        )
