"""Snapshots, the files they came from, the rows they turned away; what roles agreed on and asked of each other."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.domain.roles import Role
from app.domain.states import QuarantineState, TicketState
from app.store.tables.base import Table, long_text, moment, refers, size, word


class Snapshot(Table, table=True):
    """Immutable accepted rows of one source, as one Parquet artifact; in = accepted + quarantined.

    A snapshot with a `parent_id` is that snapshot with rows released from quarantine; it stands in its place.
    """

    __tablename__ = "snapshot"
    __table_args__ = (UniqueConstraint("project_id", "source", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    run_id: int = refers("run.id")
    parent_id: int | None = refers("snapshot.id", nullable=True, name="fk_snapshot_parent_id")
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
    """A row that broke the contract, with the rule and the reason; `content` stays as it was delivered.

    `repairs` are the values that a person set, `released_in` the snapshot that took the row in.
    """

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
    repairs: str = long_text("{}")
    released_in: int | None = refers("snapshot.id", nullable=True, name="fk_quarantined_row_released_in")
    decided_by: str | None = None
    decided_at: datetime | None = moment(nullable=True)


class Agreement(Table, table=True):
    """One role's signature under the data requirement of a source, as it was then."""

    __tablename__ = "agreement"
    __table_args__ = (UniqueConstraint("project_id", "source", "digest", "role"),)
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    source: str
    digest: str = Field(min_length=64, max_length=64)
    role: Role = word(Role)
    signed_by: str
    reason: str = long_text()
    signed_at: datetime = moment()


class Ticket(Table, table=True):
    """A request for a change of data, from one role to another's queue."""

    __tablename__ = "ticket"
    __table_args__ = (Index("tickets_by_queue", "state", "for_role"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    source: str = ""
    title: str
    wish: str = long_text()
    from_role: Role = word(Role)
    for_role: Role = word(Role)
    state: TicketState = word(TicketState, TicketState.OPEN)
    opened_by: str
    opened_at: datetime = moment()
    taken_by: str | None = None
    taken_at: datetime | None = moment(nullable=True)
    closed_by: str | None = None
    closed_at: datetime | None = moment(nullable=True)
    answer: str = long_text()
