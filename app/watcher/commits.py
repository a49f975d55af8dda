"""From a new commit to a CI run of each project that it changed."""

import json
import subprocess
import tomllib

from sqlalchemy import select
from sqlmodel import col

from app.domain.states import CauseKind
from app.domain.workspace import Workspace
from app.services import runs
from app.services.workspaces import project_names
from app.store.engine import Store
from app.store.tables import Project, Run


class Commits:
    """Looks at the workspace's HEAD; a commit that was there before anybody watched, and before any CI run, is let be.

    `[ci] on_commit = false` in trainmaster.toml turns it off.
    """

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace, self.store = workspace, store
        self._seen: str | None = None

    def turn(self) -> list[str]:
        """Ask for the CI runs that are due; gives their keys."""
        head = self._git("rev-parse", "--verify", "--quiet", "HEAD")
        if not head or head == self._seen:
            return []
        first, self._seen = self._seen is None, head
        if not self._wanted():
            return []
        asked = []
        for project in project_names(self.workspace):
            last = self._last(project)
            if last == head or (last is None and first) or (last and not self._differs(project, last, head)):
                continue
            asked.append(
                runs.request(
                    self.store, self.workspace, project, "ci", {"commit": head}, cause=CauseKind.COMMIT, cause_key=head
                )
            )
        return asked

    def _wanted(self) -> bool:
        settings = tomllib.loads(self.workspace.marker.read_text(encoding="utf-8"))
        return bool(settings.get("ci", {}).get("on_commit", True))

    def _last(self, project: str) -> str | None:
        """The commit that CI was last asked to check for a project."""
        query = (
            select(col(Run.parameters))
            .join(Project, col(Project.id) == col(Run.project_id))
            .where(col(Project.name) == project, col(Run.flow) == "ci")
            .order_by(col(Run.id).desc())
            .limit(1)
        )
        with self.store.read() as session:
            found = session.execute(query).scalar_one_or_none()
        return None if found is None else str(json.loads(found).get("commit") or "") or None

    def _differs(self, project: str, before: str, now: str) -> bool:
        """Whether a project's files differ between two commits; yes when git cannot tell."""
        command = ["git", "-C", str(self.workspace.root), "diff", "--quiet", before, now, "--", f"projects/{project}"]
        return subprocess.run(command, capture_output=True, check=False).returncode != 0

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.workspace.root), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran.stdout.strip() if ran.returncode == 0 else ""


__all__ = ["Commits"]
