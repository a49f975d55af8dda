"""Where the rules of alerts stand: a project's in project.toml, those of machine and services in trainmaster.toml."""

import tomllib

from pydantic import ValidationError

from app.domain.errors import BadInput, TrainmasterError
from app.domain.project import Alerts
from app.domain.text import visible
from app.domain.workspace import MARKER, Workspace
from app.services.workspaces import open_project


def workspace_rules(workspace: Workspace) -> Alerts:
    """`[alerts]` of trainmaster.toml; raises BadInput for what it does not mean."""
    document = _settings(workspace).get("alerts", {})
    try:
        return Alerts.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = visible(".".join(str(part) for part in ("alerts", *first["loc"])), longest=200)
        raise BadInput(
            f"{key}: {visible(first['msg'].removeprefix('Value error, '))}",
            where=MARKER,
            next_step=f"correct {MARKER}",
        ) from None


def rules_of(workspace: Workspace, project: str | None) -> Alerts:
    """The rules for a project's alerts, or for those of the whole workspace; defaults where the file is broken."""
    try:
        return workspace_rules(workspace) if not project else open_project(workspace, project).file.alerts
    except TrainmasterError:
        return Alerts()


def allowed_hosts(workspace: Workspace) -> frozenset[str]:
    """The hosts that webhooks may speak to: `[notifications] allow = ["hooks.example.org"]` in trainmaster.toml."""
    try:
        names = _settings(workspace).get("notifications", {}).get("allow", [])
    except (BadInput, AttributeError):
        return frozenset()
    return frozenset(str(name).lower() for name in names) if isinstance(names, list) else frozenset()


def _settings(workspace: Workspace) -> dict[str, dict[str, object]]:
    try:
        return tomllib.loads(workspace.marker.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not valid TOML: {error}", where=MARKER, next_step=f"correct {MARKER}") from None


__all__ = ["allowed_hosts", "rules_of", "workspace_rules"]
