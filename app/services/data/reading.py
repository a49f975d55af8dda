"""What the store knows of a source: its snapshots, their bytes, its files, its quarantine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from app.domain.errors import Usage
from app.domain.project import Source
from app.domain.states import QuarantineState
from app.domain.text import visible
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import QuarantinedRow, Snapshot, SourceFile

if TYPE_CHECKING:
    pass

from app.services.data.results import SnapshotInfo


def newest_snapshots(store: Store, project_id: int, sources: Sequence[str] | None = None) -> list[SnapshotInfo]:
    """The snapshots that make up each source now, in the order of their files' names.

    A file that was written again replaces its older snapshot; so does a snapshot with released rows its parent.
    """
    query = (
        select(Snapshot, col(SourceFile.path))
        .join(SourceFile, col(SourceFile.snapshot_id) == func.coalesce(col(Snapshot.parent_id), col(Snapshot.id)))
        .where(col(Snapshot.project_id) == project_id)
        .order_by(col(Snapshot.id))
    )
    newest: dict[tuple[str, str], SnapshotInfo] = {}
    with store.read() as session:
        for row, path in session.execute(query).all():
            if sources is None or row.source in sources:
                newest[row.source, path] = SnapshotInfo(
                    row.key,
                    row.source,
                    path,
                    row.digest,
                    row.artifact,
                    row.rows,
                    row.created_at,
                    row.time_from,
                    row.time_to,
                )
    return [newest[key] for key in sorted(newest)]


def snapshot_bytes(store: Store, snapshot: SnapshotInfo) -> bytes:
    """The Parquet bytes of a snapshot, checked against their digest."""
    with store.read() as session:
        return artifacts.get(session, snapshot.artifact)


def declared_source(project: OpenProject, source: str) -> Source:
    """The source of that name in project.toml; raises Usage."""
    declared = project.file.sources.get(source)
    if declared is None:
        names = ", ".join(project.file.sources)
        raise Usage(f"project {project.name} has no source {visible(source)!r}", next_step=f"choose one of: {names}")
    return declared


def quarantined_count(store: Store, project_id: int) -> int:
    """How many rows of a project wait in quarantine."""
    query = (
        select(func.count())
        .select_from(QuarantinedRow)
        .join(Snapshot, col(QuarantinedRow.snapshot_id) == col(Snapshot.id))
        .where(col(Snapshot.project_id) == project_id, col(QuarantinedRow.state) == QuarantineState.OPEN)
    )
    with store.read() as session:
        return int(session.execute(query).scalar_one())
