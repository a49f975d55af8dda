"""Who is who: `[people]` of trainmaster.toml names the roles of a person; without it everybody is an ML engineer."""

from collections.abc import Mapping

from app.domain.errors import BadInput
from app.domain.roles import ACTS, COMMANDS, PROGRAM, Permission, Role, require
from app.domain.text import visible
from app.domain.workspace import MARKER, Workspace
from app.services.workspaces import actor

EVERYTHING = (Role.ML_ENGINEER,)


def people(workspace: Workspace) -> Mapping[str, tuple[Role, ...]]:
    """The people of a workspace and their roles; nobody when `[people]` is not there. Raises BadInput."""
    text = workspace.marker.read_text(encoding="utf-8")
    if "[people]" not in text:
        return {}
    import tomllib

    try:
        found = tomllib.loads(text).get("people", {})
        return {str(name): _roles(str(name), roles) for name, roles in found.items()}
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise BadInput(f"not valid TOML: {error}", where=MARKER, next_step=f"correct {MARKER}") from None


def roles_of(workspace: Workspace, person: str) -> tuple[Role, ...]:
    """The roles of a person: everything where nobody is named, none for somebody whom `[people]` leaves out."""
    known = people(workspace)
    return known.get(person, ()) if known else EVERYTHING


def require_command(workspace: Workspace, command: str) -> None:
    """Raise Refused when the person at the keyboard may not run a command (its words after `trainmaster`)."""
    needs = COMMANDS.get(command, Permission.VIEW)
    if needs is not Permission.VIEW:
        person = actor()
        require(visible(person), roles_of(workspace, person), needs, f"trainmaster {command}")


def require_act(workspace: Workspace, person: str, action: str) -> None:
    """Raise Refused when somebody may not do an action of the audit log, through whatever door."""
    needs = ACTS.get(action)
    if needs is not None and person not in PROGRAM:
        require(visible(person), roles_of(workspace, person), needs, action)


def _roles(name: str, roles: object) -> tuple[Role, ...]:
    given = [roles] if isinstance(roles, str) else roles
    try:
        if not isinstance(given, list):
            raise ValueError
        return tuple(Role(str(role)) for role in given)
    except ValueError:
        raise BadInput(
            f"[people] {visible(name)}: {visible(str(roles), longest=60)} are no roles; choose from R1 to R7",
            where=MARKER,
            next_step=f"correct {MARKER}",
        ) from None


__all__ = ["EVERYTHING", "people", "require_act", "require_command", "roles_of"]
