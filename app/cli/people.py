"""`trainmaster people`: who may do what."""

from app.cli.render import emit, table
from app.cli.session import Json, WorkspaceDir, current_workspace, single

command = single()


@command.command()
def people(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """List the people of the workspace with their roles, and what each may do; everything where nobody is named."""
    from app.domain.roles import MATRIX, Permission, may
    from app.services.people import people, roles_of
    from app.services.workspaces import actor

    place = current_workspace(workspace)
    names = sorted({*people(place), actor()})
    rows = [(name, roles_of(place, name), name == actor()) for name in names]
    emit(
        [
            {"person": name, "roles": roles, "may": [one for one in MATRIX if may(roles, one)], "you": you}
            for name, roles, you in rows
        ],
        as_json=json,
        human=lambda: table(
            ["person", "roles", *Permission],
            [
                (name + (" (you)" if you else ""), " ".join(roles) or "none", *(may(roles, one) for one in Permission))
                for name, roles, you in rows
            ],
            empty="",
        ),
    )
