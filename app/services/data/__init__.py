"""Data: sources become immutable snapshots; rows that break the contract go to quarantine."""

from app.services.data.ingesting import ingest, plan_ingest
from app.services.data.reading import (
    declared_source,
    newest_snapshots,
    quarantined_count,
    snapshot_bytes,
    source_files,
)
from app.services.data.results import Ingested, SnapshotInfo

__all__ = [
    "Ingested",
    "SnapshotInfo",
    "declared_source",
    "ingest",
    "newest_snapshots",
    "plan_ingest",
    "quarantined_count",
    "snapshot_bytes",
    "source_files",
]
