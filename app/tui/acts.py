"""What the screen asks services to do: one method an act, each run in a worker thread, each importing what it needs."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from app.domain.errors import NotFound
from app.domain.workspace import Workspace

if TYPE_CHECKING:
    from app.services.infrastructure import Report
    from app.services.registry import PromotionPlan
    from app.store.engine import Store

ACKNOWLEDGED_FOR = timedelta(days=1)


class Acts:
    """The acts on one workspace; the store is opened at the first one and closed by `close`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._store: Store | None = None

    def open_store(self) -> "Store":
        """The store, brought to the newest schema."""
        with self._lock:
            if self._store is None:
                from app.services import workspaces

                self._store = self._opened.enter_context(workspaces.open_store(self._workspace))
            return self._store

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._store = None
            self._opened.close()

    def prepare(self) -> None:
        """Open the store and import what the first act would wait for."""
        self.open_store()
        from app.services import registry, runs

        del registry, runs

    # -- services ------------------------------------------------------------------------------------------------

    def is_up(self) -> bool:
        """Whether every service is up."""
        from app.services import infrastructure

        return infrastructure.is_up(self.open_store())

    def up(self, report: "Report | None" = None) -> None:
        """Start the services, or join the start that somebody else began."""
        from app.services import infrastructure

        infrastructure.up(self._workspace, report)

    def down(self) -> None:
        """Stop the services."""
        from app.services import infrastructure

        infrastructure.down(self._workspace)

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
            from app.services import runs

            return runs.request(
                self.open_store(),
                self._workspace,
                project,
                flow,
                parameters or {},
                cause=CauseKind(cause),
                cause_key=cause_key,
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
                cause_key=detail.row.key,
            )()

        return work

    def cancel(self, key: str) -> Callable[[], None]:
        """The act that cancels a run."""

        def work() -> None:
            from app.services import runs

            runs.cancel(self.open_store(), self._workspace, key, reason="cancelled from the control room")

        return work

    def check_head(self, project: str) -> Callable[[], str]:
        """The act that asks for a CI run of the newest commit; gives the run's key."""

        def work() -> str:
            from app.services.ci import commit_of

            sha = commit_of(self._workspace).sha
            return self.request(project, "ci", parameters={"commit": sha}, cause_key=sha)()

        return work

    # -- registry ------------------------------------------------------------------------------------------------

    def plan(self, model: str, version: int) -> "PromotionPlan":
        """What a promotion would change."""
        from app.services import registry

        return registry.plan_promotion(self.open_store(), self._project_of(model), model, version)

    def promote(self, model: str, version: int, *, reason: str, typed_name: str) -> Callable[[], str]:
        """The act that asks for a promotion; gives the key of the deploy run."""

        def work() -> str:
            from app.services import registry, workspaces

            done = registry.promote(
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

    def approve(self, model: str, version: int, *, reason: str) -> Callable[[], str]:
        """The act that approves a version; gives what the gate says then."""

        def work() -> str:
            from app.services import registry, workspaces

            return registry.approve(self.open_store(), model, version, by=workspaces.actor(), reason=reason).says

        return work

    def judge(self, model: str, version: int) -> Callable[[], str]:
        """The act that judges every gate again, on the stored rows and against production as it is."""

        def work() -> str:
            from app.services import registry, workspaces

            project = workspaces.open_project(self._workspace, self._project_of(model))
            return registry.judge_again(self.open_store(), project, model, version, by=workspaces.actor()).says

        return work

    def retire(self, model: str, version: int, *, back: bool) -> Callable[[], str]:
        """The act that archives a version, or brings it back into staging."""

        def work() -> str:
            from app.domain.states import Stage
            from app.services import registry, workspaces

            to, reason = (Stage.STAGING, "brought back") if back else (Stage.ARCHIVED, "retired")
            done = registry.stage(
                self.open_store(), model, version, to, by=workspaces.actor(), reason=f"{reason} in the control room"
            )
            return done.says

        return work

    def undo(self, model: str) -> Callable[[], str]:
        """The act that takes the last change of production back; gives what serves now."""

        def work() -> str:
            from app.services import registry, workspaces

            done = registry.undo(
                self.open_store(),
                self._project_of(model),
                by=workspaces.actor(),
                reason="undone from the control room",
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
        from app.services import runs

        runs.submit_waiting(self.open_store(), self._workspace)

    # -- monitoring ----------------------------------------------------------------------------------------------

    def acknowledge(self, alerts: Sequence[str], *, reason: str) -> Callable[[], None]:
        """The act that acknowledges alerts for a day."""

        def work() -> None:
            from app.services import monitoring, workspaces

            until = workspaces.now() + ACKNOWLEDGED_FOR
            for alert in alerts:
                monitoring.acknowledge(self.open_store(), alert, by=workspaces.actor(), reason=reason, until=until)

        return work

    def resolve_alert(self, alert: str, *, reason: str) -> Callable[[], None]:
        """The act that ends an alert by hand."""

        def work() -> None:
            from app.services import monitoring, workspaces

            monitoring.resolve(self.open_store(), alert, by=workspaces.actor(), reason=reason)

        return work

    def set_limit(self, project: str, signal: str, limit: float, *, reason: str) -> Callable[[], str]:
        """The act that writes the limit of a signal into project.toml; gives what stands there now."""

        def work() -> str:
            from app.services import workspaces
            from app.services.monitoring.thresholds import set_limit

            by = workspaces.actor()
            return set_limit(self.open_store(), self._workspace, project, signal, limit, by=by, reason=reason).says

        return work


__all__ = ["Acts"]
