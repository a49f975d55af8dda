"""The declared sources with what the store has of them: freshness and watermark."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.errors import TrainmasterError
from app.domain.project.connections import SourceKind
from app.domain.workspace import Workspace
from app.services.workspaces import now, open_project, project_names
from app.store.queries import data
from app.store.reader import Reader


@dataclass(frozen=True)
class SourceState:
    """A declared source; `watermark` is where the next extract begins, or the newest time in files and objects.

    `age_s` are the seconds since the last snapshot; `digest` is that of the last snapshot.
    """

    project: str
    source: str
    kind: str
    place: str
    every_minutes: float | None
    snapshots: int = 0
    files: int = 0
    rows: int = 0
    quarantined: int = 0
    watermark: str | None = None
    newest: str | None = None
    refreshed_at: str | None = None
    age_s: float | None = None
    digest: str | None = None

    @property
    def age(self) -> str:
        """How long ago the last snapshot was taken, for people."""
        if self.age_s is None:
            return ""
        hours = self.age_s / 3600
        return f"{self.age_s:.0f} s" if hours < 0.1 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} d"


def source_states(reader: Reader, workspace: Workspace, *, project: str | None = None) -> list[SourceState]:
    """Every source that a project declares, in the order of project.toml; projects that cannot be read are left out."""
    moment = now()
    kept = {(row.project, row.source): row for row in data.sources(reader, project=project)}
    states = []
    for name in project_names(workspace):
        if project not in (None, name):
            continue
        try:
            sources = open_project(workspace, name).file.sources
        except TrainmasterError:
            if project is not None:
                raise
            continue
        for source, declared in sources.items():
            polled = declared.watch and declared.kind is not SourceKind.FILES
            every = declared.every_minutes if polled else None
            state = SourceState(name, source, declared.kind.value, declared.place, every)
            row = kept.get((name, source))
            states.append(state if row is None else _with(state, row, moment))
    return states


def _with(state: SourceState, row: data.SourceRow, moment: datetime) -> SourceState:
    taken = datetime.fromisoformat(row.refreshed_at.replace("Z", "+00:00")).astimezone(UTC)
    incremental = state.kind in (SourceKind.SQL, SourceKind.STREAM)
    return SourceState(
        state.project,
        state.source,
        state.kind,
        state.place,
        state.every_minutes,
        row.snapshots,
        row.files,
        row.rows,
        row.quarantined,
        row.watermark if incremental else row.newest,
        row.newest,
        row.refreshed_at,
        max(0.0, (moment - taken).total_seconds()),
        row.digest,
    )
