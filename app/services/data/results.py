"""What an ingest took in, and the snapshots that later stages read."""

from dataclasses import dataclass
from datetime import datetime

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Ingested:
    """What one ingest of one source took in; rows in = accepted + quarantined."""

    source: str
    files: tuple[str, ...]
    snapshots: tuple[str, ...]
    rows_in: int
    accepted: int
    quarantined: int
    reasons: dict[str, int]

    @property
    def says(self) -> str:
        """One line for people."""
        if not self.files:
            return f"{self.source}: no new file"
        cut = f", {self.quarantined:,} quarantined" if self.quarantined else ""
        many = "s" if len(self.files) > 1 else ""
        return f"{self.source}: {len(self.files)} new file{many}, {self.accepted:,} rows{cut}"


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot as the services above need it; times are UTC."""

    key: str
    source: str
    path: str
    digest: str
    artifact: str
    rows: int
    created_at: datetime
    time_from: datetime | None
    time_to: datetime | None
