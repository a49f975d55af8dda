"""What the data tabs ask services to do: one function an act, run in a worker thread, each importing what it needs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.tui.acts import Acts

if TYPE_CHECKING:
    from app.domain.workspace import Workspace
    from app.services.data import SnapshotsCompared
    from app.services.workspaces import OpenProject


class DataActs:
    """The acts on the data of one project; each gives a sentence that says what was done."""

    def __init__(self, acts: Acts, workspace: "Workspace", project: str) -> None:
        self._acts, self._workspace, self._project = acts, workspace, project

    def import_file(self, source: str, path: str) -> Callable[[], str]:
        """Check a file and copy it to where the next ingest finds it."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            file = Path(path).expanduser()
            return data.import_file(self._acts.open_store(), self._opened(), source, file, by=actor()).says

        return work

    def repair(self, row: int, values: Mapping[str, str | None]) -> Callable[[], str]:
        """Set values of a row in quarantine."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            return data.repair(self._acts.open_store(), self._opened(), row, values, by=actor()).says

        return work

    def release(self, rows: Sequence[int], reason: str) -> Callable[[], str]:
        """Take rows out of quarantine into a new snapshot."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            return data.release(self._acts.open_store(), self._opened(), rows, by=actor(), reason=reason).says

        return work

    def reject(self, rows: Sequence[int], reason: str) -> Callable[[], str]:
        """Leave rows out for good."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            return data.reject(self._acts.open_store(), self._opened(), rows, by=actor(), reason=reason).says

        return work

    def agree(self, source: str, role: str, reason: str) -> Callable[[], str]:
        """Sign the requirement of a source for a role."""

        def work() -> str:
            from app.domain.roles import Role
            from app.services import data
            from app.services.workspaces import actor

            return data.agree(
                self._acts.open_store(), self._opened(), source, Role(role.strip().upper()), by=actor(), reason=reason
            ).says

        return work

    def compare(self, before: str, after: str) -> "Callable[[], SnapshotsCompared]":
        """Compare two snapshots."""

        def work() -> "SnapshotsCompared":
            from app.services import data

            return data.compare_snapshots(self._acts.open_store(), self._opened(), before, after)

        return work

    def open_ticket(self, title: str, wish: str, source: str | None) -> Callable[[], str]:
        """Ask the data engineers for a change of data."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            store = self._acts.open_store()
            return data.open_ticket(store, self._opened(), title, by=actor(), wish=wish, source=source).says

        return work

    def take_ticket(self, key: str) -> Callable[[], str]:
        """Take a ticket out of the queue."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            return data.take_ticket(self._acts.open_store(), key, by=actor()).says

        return work

    def close_ticket(self, key: str, answer: str) -> Callable[[], str]:
        """Close a ticket with an answer."""

        def work() -> str:
            from app.services import data
            from app.services.workspaces import actor

            return data.resolve_ticket(self._acts.open_store(), key, by=actor(), answer=answer).says

        return work

    def _opened(self) -> "OpenProject":
        from app.services.workspaces import open_project

        return open_project(self._workspace, self._project)
