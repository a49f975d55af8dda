"""Data: sources become immutable snapshots; rows that break the contract go to quarantine."""

from app.services.data.ingesting import ingest, plan_ingest
from app.services.data.profiles import Profiled, profile_of
from app.services.data.quarantine import (
    RowRepaired,
    RowsRejected,
    RowsReleased,
    open_rows_of_rule,
    reject,
    release,
    repair,
)
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
    "Profiled",
    "RowRepaired",
    "RowsRejected",
    "RowsReleased",
    "SnapshotInfo",
    "declared_source",
    "ingest",
    "newest_snapshots",
    "open_rows_of_rule",
    "plan_ingest",
    "profile_of",
    "quarantined_count",
    "reject",
    "release",
    "repair",
    "snapshot_bytes",
    "source_files",
]
