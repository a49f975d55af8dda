"""Starting a flow from a command and waiting for it, with a bar on stderr."""

from typing import TYPE_CHECKING

from app.cli.render import Bar, say
from app.domain.errors import Refused
from app.domain.states import CauseKind
from app.domain.workspace import Workspace
from app.store.queries.runs import RunRow

if TYPE_CHECKING:
    from app.store.engine import Store


def run_flow(
    workspace: Workspace,
    store: "Store",
    project: str,
    flow: str,
    parameters: dict[str, object] | None = None,
    *,
    cause: CauseKind = CauseKind.PERSON,
    detach: bool = False,
    here: bool = False,
    quiet: bool = False,
) -> RunRow:
    """Ask for a run of a flow and wait for its end; gives its row, raises Refused with the run's own error.

    With the services up the run goes through the orchestrator; without them it is executed here, by a child process.
    `here` chooses the latter in any case. With `detach` the run is only asked for.
    """
    from app.services import infrastructure, runs

    if here or (not detach and not infrastructure.is_up(store)):
        if not quiet and not here:
            say("the services are not up: running here, without a server (trainmaster up starts them)")
        bar = Bar()
        key = runs.run_here(store, workspace, project, flow, parameters or {}, lambda row: _show(bar, row), cause=cause)
        bar.done()
        return finished(store, key)
    key = runs.request(store, workspace, project, flow, parameters or {}, cause=cause)
    if not detach:
        follow(store, key)
        return finished(store, key)
    return runs.row_of(store, key)


def follow(store: "Store", key: str) -> None:
    """Show the progress of a run until it ends; ctrl+c leaves it running."""
    from app.services import runs

    bar = Bar()
    try:
        runs.wait_for(store, key, lambda row: _show(bar, row))
    except KeyboardInterrupt:
        bar.done()
        say(f"run {key} goes on; see it: trainmaster runs show {key}, stop it: trainmaster runs cancel {key}")
        raise
    bar.done()


def _show(bar: Bar, row: RunRow) -> None:
    bar.show(share_of(row), says_of(row), row.eta_s)


def share_of(row: RunRow) -> float:
    """How far a run is, from 0 to 1: whole stages and the share of the current one."""
    if not row.stages:
        return 0.0
    return min(
        1.0, (row.stages_done + (row.share or 0.0) * (row.finished_at is None and (row.share or 0) < 1)) / row.stages
    )


def says_of(row: RunRow) -> str:
    """What a run does now."""
    return " · ".join(part for part in (f"{row.flow}: {row.task or row.state}", row.says) if part)


def finished(store: "Store", key: str) -> RunRow:
    """The row of a run that has ended well; raises Refused with the reason and next step of one that has not."""
    from app.services import runs

    row = runs.row_of(store, key)
    if row.state != "completed":
        raise Refused(
            f"{row.flow} run {row.key} {row.state}" + (f": {row.error}" if row.error else ""),
            next_step=row.next_step or f"trainmaster runs show {row.key}",
        )
    return row
