"""What every command shares: the workspace it works in, the project it means, its options."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.domain.errors import NotFound, Usage
from app.domain.workspace import Workspace

if TYPE_CHECKING:
    from app.store.engine import Store
    from app.store.reader import Reader

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
WorkspaceDir = Annotated[
    Path | None, typer.Option("--workspace", help="The workspace; default: the nearest one upward.")
]
ProjectName = Annotated[str | None, typer.Option("--project", "-p", help="The project; default: the only one.")]
ModelName = Annotated[str, typer.Argument(help="The model's name.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many rows.")]


class OpenControlRoom(Exception):
    """The command ended well and the control room is to open on a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(str(workspace.root))
        self.workspace = workspace


def group(says: str) -> typer.Typer:
    """A group of commands of one noun."""
    found = typer.Typer(help=says, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False)
    found.callback()(lambda: None)
    return found


def single() -> typer.Typer:
    """A command that stands alone."""
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


def current_workspace(named: Path | None) -> Workspace:
    """The workspace that a command works in; raises NotFound."""
    from app.services.workspaces import find_workspace

    return find_workspace(Path.cwd(), named=named)


@contextmanager
def opened(named: Path | None) -> Iterator[tuple[Workspace, "Store"]]:
    """The workspace and its store, to write."""
    from app.services.workspaces import open_store

    workspace = current_workspace(named)
    with open_store(workspace) as store:
        yield workspace, store


@contextmanager
def reading(named: Path | None) -> Iterator[tuple[Workspace, "Reader"]]:
    """The workspace and a reader of its store: light, and unable to write."""
    from app.services.workspaces import open_reader

    workspace = current_workspace(named)
    with open_reader(workspace) as reader:
        yield workspace, reader


def chosen_project(workspace: Workspace, named: str | None) -> str:
    """The project that was named, or the only one; raises NotFound or Usage."""
    from app.services.workspaces import project_names

    names = project_names(workspace)
    if named is not None:
        if named not in names:
            raise NotFound(f"there is no project {named!r}", next_step="trainmaster init NAME --from FILE")
        return named
    if not names:
        raise NotFound("this workspace has no project", next_step="trainmaster init NAME --from FILE")
    if len(names) > 1:
        raise Usage(f"which project? {', '.join(names)}", next_step=f"add --project {names[0]}")
    return names[0]


def moment_of(text: str, where: str, *, ends: bool = False) -> datetime:
    """A day or a time that a person wrote, UTC unless it names a zone; a day alone begins then, or `ends`.

    >>> moment_of("2013-05-03 14:00", "AT").isoformat(), moment_of("2013-05-03", "AT", ends=True).isoformat()
    ('2013-05-03T14:00:00+00:00', '2013-05-04T00:00:00+00:00')
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Usage(f"{text[:60]!r} is no time", where=where, next_step='write it as "2013-05-03 14:00"') from None
    if ends and len(text.strip()) == len("2013-05-03"):
        found += timedelta(days=1)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
