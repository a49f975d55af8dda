"""Sources whose rows are older than their contract allows: what an alarm is made of."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.errors import TrainmasterError
from app.domain.workspace import Workspace
from app.services.workspaces import open_project, project_names
from app.store.queries import data
from app.store.reader import Reader


@dataclass(frozen=True)
class Stale:
    """A source that is too old: its newest row's time (None: it has no row yet), age and limit in hours."""

    project: str
    source: str
    newest: datetime | None
    age_h: float | None
    limit_h: float

    @property
    def says(self) -> str:
        """One line for people.

        >>> Stale("shop", "orders", None, None, 24).says
        'source orders has no row yet; at most 24 h are allowed'
        """
        limit = f"at most {self.limit_h:,.10g} h are allowed"
        if self.age_h is None:
            return f"source {self.source} has no row yet; {limit}"
        return f"source {self.source}: its newest row is {self.age_h:,.0f} h old, {limit}"


def stale_sources(reader: Reader, workspace: Workspace, *, at: datetime, project: str | None = None) -> list[Stale]:
    """The sources with `max_age_hours` in project.toml whose newest row is older than that at a moment, oldest first.

    A source that was never taken in counts as stale without an age. Projects that cannot be read are left out. Pages
    and alarms ask this again and again: it reads one aggregate of the snapshots, no rows.
    """
    kept = {(row.project, row.source): row.newest for row in data.sources(reader, project=project)}
    found = []
    for name in project_names(workspace):
        if project not in (None, name):
            continue
        try:
            sources = open_project(workspace, name).file.sources
        except TrainmasterError:
            continue
        for source, declared in sources.items():
            if declared.max_age_hours is None:
                continue
            text = kept.get((name, source))
            newest = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None
            age_h = None if newest is None else (at - newest).total_seconds() / 3600
            if age_h is None or age_h > declared.max_age_hours:
                found.append(Stale(name, source, newest, age_h, declared.max_age_hours))
    return sorted(found, key=lambda one: -(one.age_h or 0.0))
