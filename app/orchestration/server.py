"""Which Prefect server a workspace uses, and how its own one is started: on loopback, locked, telling nobody."""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.processes import BEFORE_LIBRARIES
from app.domain.workspace import Workspace
from app.orchestration.ports import HOST, port_of

USER = "trainmaster"


@dataclass(frozen=True)
class Endpoint:
    """A Prefect API and how to be let in; `ours` when the workspace's supervisor runs it."""

    url: str
    auth: str | None = field(repr=False)
    ours: bool


def endpoint(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The Prefect API of a workspace: `[orchestrator] url`, else PREFECT_API_URL, else the workspace's own server.

    Raises Unavailable when the own server has no port yet.
    """
    foreign = foreign_url(workspace, environment)
    if foreign is not None:
        return Endpoint(foreign, environment.get("PREFECT_API_AUTH_STRING"), ours=False)
    return Endpoint(api_url(port_of(workspace, "orchestrator")), auth_string(workspace), ours=True)


def foreign_url(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> str | None:
    """The URL of a person's own Prefect server, or None when the workspace runs one."""
    text = workspace.marker.read_text() if workspace.marker.exists() else ""
    setting = tomllib.loads(text).get("orchestrator", {}).get("url") if "[orchestrator]" in text else None
    url = setting or environment.get("PREFECT_API_URL")
    if not url or environment.get("PREFECT_API_AUTH_STRING") == auth_string(workspace):
        return None
    return str(url).rstrip("/")


def api_url(port: int) -> str:
    """The address of the API of an own server.

    >>> api_url(4200)
    'http://127.0.0.1:4200/api'
    """
    return f"http://{HOST}:{port}/api"


def auth_string(workspace: Workspace) -> str:
    """The name and token that the own server asks for."""
    return f"{USER}:{workspace.token_file.read_text().strip()}"


def client_environment(where: Endpoint) -> dict[str, str]:
    """What plain Prefect needs in its environment to speak to this API."""
    return {"PREFECT_API_URL": where.url} | ({"PREFECT_API_AUTH_STRING": where.auth} if where.auth else {})


def server_environment(workspace: Workspace, port: int) -> dict[str, str]:
    """The environment of the own server; nothing of the person's Prefect settings reaches it."""
    origin = f"http://{HOST}:{port}"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return inherited | {
        "PREFECT_HOME": str(workspace.prefect_home),
        "PREFECT_API_URL": api_url(port),
        "PREFECT_API_AUTH_STRING": auth_string(workspace),
        "PREFECT_SERVER_API_AUTH_STRING": auth_string(workspace),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "30",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }


def worker_environment(workspace: Workspace, where: Endpoint) -> dict[str, str]:
    """The environment of the worker and of every flow child."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return (
        inherited
        | client_environment(where)
        | {
            "PREFECT_HOME": str(workspace.prefect_home),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_COLORS": "false",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
            "PREFECT_WORKER_ENABLE_CANCELLATION": "true",
            **BEFORE_LIBRARIES,
            "DO_NOT_TRACK": "1",
            "TRAINMASTER_WORKSPACE": str(workspace.root),
        }
    )


def server_command(port: int) -> list[str]:
    """The module and arguments that run the own server in the foreground."""
    return [
        *("uvicorn", "--factory", "prefect.server.api.server:create_app"),
        *("--host", HOST, "--port", str(port), "--timeout-keep-alive", "5", "--log-level", "warning"),
    ]


def python() -> str:
    """The interpreter that every service runs on."""
    return sys.executable
