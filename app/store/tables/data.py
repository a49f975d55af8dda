"""Snapshots, the files they came from, and the rows they turned away."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.domain.states import QuarantineState
from app.store.tables.base import Table, long_text, moment, refers, size, word


class Snapshot(Table, table=True):
    """Immutable accepted rows of one source, as one Parquet artifact; in = accepted + quarantined."""

    __tablename__ = "snapshot"
    __table_args__ = (UniqueConstraint("project_id", "source", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    run_id: int = refers("run.id")
    source: str = Field(index=True)
    digest: str = Field(min_length=64, max_length=64)
    artifact: str = refers("artifact.digest")
    profile: str | None = refers("artifact.digest", nullable=True)
    rows_in: int = Field(ge=0)
    rows: int = Field(ge=0)
    quarantined: int = Field(ge=0)
    columns: str = long_text("[]")
    watermark: str | None = None
    time_from: datetime | None = moment(nullable=True)
    time_to: datetime | None = moment(nullable=True)
    created_at: datetime = moment(index=True)


class SourceFile(Table, table=True):
    """A raw file, object or extract that a snapshot has taken in; the same bytes are never taken twice.

    `version` is what the other side calls its state (an ETag).
    """

    __tablename__ = "source_file"
    __table_args__ = (UniqueConstraint("project_id", "source", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    snapshot_id: int = refers("snapshot.id")
    source: str
    path: str = long_text()
    digest: str = Field(min_length=64, max_length=64)
    version: str | None = None
    size_bytes: int = size()
    rows: int = Field(ge=0)


class QuarantinedRow(Table, table=True):
    """A row that broke the contract, with the rule and the reason."""

    __tablename__ = "quarantined_row"
    __table_args__ = (
        Index("quarantine_by_rule", "snapshot_id", "rule"),
        Index("quarantine_by_state", "state", "snapshot_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    snapshot_id: int = refers("snapshot.id", index=False)
    row_number: int = Field(ge=0)
    file: str = long_text()
    rule: str
    reason: str = long_text()
    content: str = long_text("{}")
    state: QuarantineState = word(QuarantineState, QuarantineState.OPEN)
