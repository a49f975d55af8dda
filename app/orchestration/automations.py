"""The Prefect automation that turns "a retrain is wanted" into a run of the project's train deployment."""

from collections.abc import Iterable

from app.orchestration.client import Json, Orchestrator
from app.orchestration.deployments import deployment_name
from app.orchestration.events import RETRAIN_WANTED, project_resource


def automation_name(project: str) -> str:
    """The automation of a project.

    >>> automation_name("flight-delay")
    'trainmaster: retrain flight-delay'
    """
    return f"trainmaster: retrain {project}"


def retrain_automation(project: str, deployment_id: str) -> Json:
    """The automation as Prefect's REST API takes it: one event, one run, with what asked as its cause."""
    return {
        "name": automation_name(project),
        "description": "A decision to retrain starts the train deployment; the run records what asked for it.",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": [RETRAIN_WANTED],
            "match": {"prefect.resource.id": project_resource(project)},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [
            {
                "type": "run-deployment",
                "source": "selected",
                "deployment_id": deployment_id,
                "parameters": {
                    "project": project,
                    "cause": "{{ event.payload.cause }}",
                    "cause_key": "{{ event.payload.cause_key }}",
                    "parameters": {
                        "decision": "{{ event.payload.decision }}",
                        "alert": "{{ event.payload.alert }}",
                    },
                },
            }
        ],
    }


def register_automations(orchestrator: Orchestrator, projects: Iterable[str]) -> list[str]:
    """Create or replace the automation of each project; gives their names. It may be repeated."""
    known = {found["name"]: found for found in orchestrator.post("automations/filter", {"limit": 200})}
    names = []
    for project in projects:
        deployment = orchestrator.get(f"deployments/name/{deployment_name('train', project)}")
        wanted = retrain_automation(project, str(deployment["id"]))
        existing = known.get(wanted["name"])
        if existing is None:
            orchestrator.post("automations/", wanted)
        elif not existing["enabled"] or any(
            existing["actions"][0].get(key) != value for key, value in wanted["actions"][0].items()
        ):
            orchestrator.put(f"automations/{existing['id']}", wanted)
        names.append(str(wanted["name"]))
    return names
