"""`trainmaster project`: goal, KPI, owner and version."""

from typing import Annotated

import typer

from app.cli.render import emit, fields
from app.cli.session import Json, WorkspaceDir, chosen_project, group, opened

commands = group("Goal, KPI, owner and version of a project.")


@commands.command()
def show(
    name: Annotated[str | None, typer.Argument(help="The project; default: the only one.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Show a project's charter and problem, and the version that they have."""
    from app.cli.render import plain
    from app.services import charter

    with opened(workspace) as (place, store):
        shown = plain(charter.show(store, place, chosen_project(place, name)))
    assert isinstance(shown, dict)
    emit(shown, as_json=json, human=lambda: fields(shown))
