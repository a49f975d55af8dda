"""The audit log: each event carries the hash of the one before it."""

from datetime import datetime

from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment


class AuditEvent(Table, table=True):
    """Who did what to which thing, and why; rows are only ever added."""

    __tablename__ = "audit_event"
    seq: int = Field(primary_key=True, ge=1)
    at: datetime = moment(index=True)
    actor: str
    action: str = Field(index=True)
    subject: str = Field(index=True)
    reason: str = long_text()
    details: str = long_text("{}")
    previous_hash: str = Field(min_length=64, max_length=64)
    hash: str = Field(min_length=64, max_length=64, unique=True)
