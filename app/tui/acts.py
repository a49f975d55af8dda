"""What the screen asks services to do: one method an act, each run in a worker thread, each importing what it needs."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from importlib import import_module
from typing import Any

from app.domain.errors import NotFound
from app.domain.workspace import Workspace

ACKNOWLEDGED_FOR = timedelta(days=1)


class Acts:
    """The acts on one workspace; the store is opened at the first one and closed by `close`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._store: Any = None

    def open_store(self) -> Any:
        """The store, brought to the newest schema."""
        with self._lock:
            if self._store is None:
                workspaces = _service("workspaces")
                self._store = self._opened.enter_context(workspaces.open_store(self._workspace))
            return self._store

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._store = None
            self._opened.close()

    # -- services ------------------------------------------------------------------------------------------------

    def is_up(self) -> bool:
        """Whether every service is up."""
        states = _service("infrastructure").status(self.open_store())
        return bool(states) and all(str(status.state) == "up" for status in states)

    def up(self, report: Callable[[Any], None] | None = None) -> None:
        """Start the services, or join the start that somebody else began."""
        _service("infrastructure").up(self._workspace, report)

    def down(self) -> None:
        """Stop the services."""
        _service("infrastructure").down(self._workspace)

    # -- runs ----------------------------------------------------------------------------------------------------

    def request(
        self,
        project: str,
        flow: str,
        *,
        parameters: dict[str, object] | None = None,
        cause: str = "person",
        cause_key: str | None = None,
    ) -> Callable[[], str]:
        """The act that asks for a run of a flow; gives the run's key."""

        def work() -> str:
            from app.domain.states import CauseKind

            return str(
                _service("runs").request(
                    self.open_store(),
                    self._workspace,
                    project,
                    flow,
                    parameters or {},
                    cause=CauseKind(cause),
                    cause_key=cause_key,
                )
            )

        return work

    def again(self, key: str) -> Callable[[], str]:
        """The act that asks for the same run again: the same flow with the same parameters."""

        def work() -> str:
            import json

            from app.store.queries.runs import run_detail

            detail = run_detail(self.open_store().reader, key)
            return self.request(
                detail.row.project,
                detail.row.flow,
                parameters=json.loads(detail.parameters),
                cause="person",
                cause_key=f"run:{detail.row.key}",
            )()

        return work

    def cancel(self, key: str) -> Callable[[], None]:
        """The act that cancels a run."""

        def work() -> None:
            _service("runs").cancel(self.open_store(), self._workspace, key, reason="cancelled from the control room")

        return work

    # -- registry ------------------------------------------------------------------------------------------------

    def plan(self, model: str, version: int) -> Any:
        """What a promotion would change."""
        return _service("registry").plan_promotion(self.open_store(), self._project_of(model), model, version)

    def promote(self, model: str, version: int, *, reason: str, typed_name: str) -> Callable[[], str]:
        """The act that asks for a promotion; gives the key of the deploy run."""

        def work() -> str:
            workspaces = _service("workspaces")
            done = _service("registry").promote(
                self.open_store(),
                self._project_of(model),
                model,
                version,
                by=workspaces.actor(),
                reason=reason,
                typed_name=typed_name,
            )
            self._submit()
            return str(done.run)

        return work

    def undo(self, model: str) -> Callable[[], str]:
        """The act that takes the last change of production back; gives what serves now."""

        def work() -> str:
            workspaces = _service("workspaces")
            done = _service("registry").undo(
                self.open_store(),
                self._workspace,
                self._project_of(model),
                workspaces.actor(),
                "undone from the control room",
            )
            return f"{model} v{done.version} serves again"

        return work

    def _project_of(self, model: str) -> str:
        row = self.open_store().reader.one(
            "SELECT p.name AS name FROM model m JOIN project p ON p.id = m.project_id WHERE m.name = :model",
            {"model": model},
        )
        if row is None:
            raise NotFound(f"there is no model {model!r}", next_step="trainmaster models ls")
        return str(row["name"])

    def _submit(self) -> None:
        """Hand requested runs to the orchestrator now; when it is down the watcher does it later."""
        _service("runs").submit_waiting(self.open_store(), self._workspace)

    # -- monitoring ----------------------------------------------------------------------------------------------

    def acknowledge(self, alert: str, *, reason: str) -> Callable[[], None]:
        """The act that acknowledges an alert for a day."""

        def work() -> None:
            workspaces = _service("workspaces")
            _service("monitoring").acknowledge(
                self.open_store(),
                alert,
                by=workspaces.actor(),
                reason=reason,
                until=workspaces.now() + ACKNOWLEDGED_FOR,
            )

        return work


def _service(name: str) -> Any:
    return import_module(f"app.services.{name}")


__all__ = ["Acts"]
