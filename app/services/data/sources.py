"""The declared sources with what the store has of them: freshness and watermark."""

from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.errors import TrainmasterError
from app.domain.project.connections import SourceKind
from app.domain.workspace import Workspace
from app.services.data.freshness import source_ages
from app.services.workspaces import now, open_project, project_names
from app.store.moments import parse_utc
from app.store.queries import data
from app.store.reader import Reader


@dataclass(frozen=True)
class SourceState:
    """A declared source; `watermark` is where the next extract begins, or the newest time in files and objects.

    `age_s` are the seconds since the last snapshot; `digest` is that of the last snapshot. `newest_age_h` are the hours
    since the newest row, of which the contract allows `max_age_h`; `is_stale` says that they are more.
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
    newest_age_h: float | None = None
    max_age_h: float | None = None
    is_stale: bool = False

    @property
    def age(self) -> str:
        """How long ago the last snapshot was taken, for people."""
        if self.age_s is None:
            return ""
        hours = self.age_s / 3600
        return f"{self.age_s:.0f} s" if hours < 0.1 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} d"

    @property
    def freshness(self) -> str:
        """Whether the newest row is as young as the contract asks, for people; nothing where it asks for nothing."""
        return "" if self.max_age_h is None else f"stale, > {self.max_age_h:g} h" if self.is_stale else "fresh"


def source_states(reader: Reader, workspace: Workspace, *, project: str | None = None) -> list[SourceState]:
    """Every source that a project declares, in the order of project.toml; projects that cannot be read are left out."""
    moment = now()
    kept = {(row.project, row.source): row for row in data.sources(reader, project=project)}
    states = []
    for name in project_names(workspace):
        if project not in (None, name):
            continue
        try:
            file = open_project(workspace, name).file
        except TrainmasterError:
            if project is not None:
                raise
            continue
        ages = source_ages(reader, file, at=moment)
        for source, declared in file.sources.items():
            polled = declared.watch and declared.kind is not SourceKind.FILES
            every = declared.every_minutes if polled else None
            age = ages[source]
            state = SourceState(
                name, source, declared.kind.value, declared.place, every,
                newest_age_h=age.age_h, max_age_h=age.limit_h, is_stale=age.is_stale,
            )  # fmt: skip
            row = kept.get((name, source))
            states.append(state if row is None else _with(state, row, moment))
    return states


def _with(state: SourceState, row: data.SourceRow, moment: datetime) -> SourceState:
    taken = parse_utc(row.refreshed_at)
    incremental = state.kind in (SourceKind.SQL, SourceKind.STREAM)
    return replace(
        state,
        snapshots=row.snapshots,
        files=row.files,
        rows=row.rows,
        quarantined=row.quarantined,
        watermark=row.watermark if incremental else row.newest,
        newest=row.newest,
        refreshed_at=row.refreshed_at,
        age_s=max(0.0, (moment - taken).total_seconds()),
        digest=row.digest,
    )
