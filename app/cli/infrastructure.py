"""`trainmaster up`, `down`, `status`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import Bar, emit, say, table
from app.cli.session import Json, WorkspaceDir, current_workspace, opened, single

if TYPE_CHECKING:
    from app.services.infrastructure import ServiceStatus, Waiting

up, down, status = single(), single(), single()
Env = Annotated[
    bool, typer.Option("--env", help="Print shell lines that set addresses and token, for curl and prefect.")
]


@up.command()
def up_command(workspace: WorkspaceDir = None, env: Env = False, json: Json = False) -> None:
    """Start the services, or join those that run; says what it waits for."""
    from app.services import infrastructure

    place = current_workspace(workspace)
    bar = Bar()
    rows = infrastructure.up(place, lambda waiting: _show(bar, waiting))
    bar.done()
    if env:
        for name, value in infrastructure.client_environment(place).items():
            print(f"export {name}='{value}'")
        return
    emit([_as_json(row) for row in rows], as_json=json, human=lambda: _print(rows))


@down.command()
def down_command(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Stop the services; runs that are under way are cancelled."""
    from app.services import infrastructure

    bar = Bar()
    rows = infrastructure.down(current_workspace(workspace), lambda waiting: _show(bar, waiting))
    bar.done()
    emit([_as_json(row) for row in rows], as_json=json, human=lambda: _print(rows))


@status.command()
def status_command(workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Show each service: state, process, since when."""
    from app.services import infrastructure

    with opened(workspace) as (_, store):
        rows = infrastructure.status(store)
    emit([_as_json(row) for row in rows], as_json=json, human=lambda: _print(rows))
    for row in rows:
        if row.silent_s is not None:
            say(
                f"alarm: {row.service} has said nothing for {row.silent_s:,.0f} s; trainmaster down, then up, ends that"
            )


def start_services(workspace: WorkspaceDir) -> float:
    """Bring the services up with progress on stderr; gives the seconds it took."""
    from app.services import infrastructure

    begun = time.monotonic()
    bar = Bar()
    infrastructure.up(current_workspace(workspace), lambda waiting: _show(bar, waiting))
    bar.done()
    say(f"services are up ({time.monotonic() - begun:.1f} s)")
    return time.monotonic() - begun


def _show(bar: Bar, waiting: "Waiting") -> None:
    bar.show(waiting.share, waiting.says, max(0.0, waiting.expected_s - waiting.elapsed_s))


def _as_json(row: "ServiceStatus") -> dict[str, object]:
    return {
        "service": row.service, "state": row.state, "pid": row.pid, "since": row.since, "detail": row.detail,
        "restarts": row.restarts, "silent_s": row.silent_s,
    }  # fmt: skip


def _print(rows: "list[ServiceStatus]") -> None:
    cells = [
        (
            row.service,
            row.state,
            row.pid,
            f"{row.since:%Y-%m-%d %H:%M:%S}" if row.since else None,
            row.restarts,
            row.detail,
        )
        for row in rows
    ]
    table(["service", "state", "pid", "since", "restarts", "detail"], cells, empty="no service has ever run here")
