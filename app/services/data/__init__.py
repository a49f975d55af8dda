"""Data: sources become immutable snapshots; rows that break the contract go to quarantine."""

from app.services.data.ingesting import ingest, plan_ingest
from app.services.data.reading import (
    declared_source,
    newest_snapshots,
    quarantined_count,
    snapshot_bytes,
)
from app.services.data.receiving import receive
from app.services.data.results import Ingested, SnapshotInfo
from app.services.data.secrets import SecretSet, set_secret
from app.services.data.sources import SourceState, source_states
from app.services.data.testing import Tested, try_source

__all__ = [
    "Ingested",
    "SecretSet",
    "SnapshotInfo",
    "SourceState",
    "Tested",
    "declared_source",
    "ingest",
    "newest_snapshots",
    "plan_ingest",
    "quarantined_count",
    "receive",
    "set_secret",
    "snapshot_bytes",
    "source_states",
    "try_source",
]
