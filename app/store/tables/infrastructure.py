"""Supervised processes and the leases that prove somebody is alive."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.domain.states import ServiceState
from app.store.tables.base import Table, long_text, moment, number, word


class Service(Table, table=True):
    """One of the supervised processes."""

    __tablename__ = "service"
    name: str = Field(primary_key=True, max_length=32)
    state: ServiceState = word(ServiceState)
    pid: int | None = None
    since: datetime = moment()
    detail: str = long_text()
    restarts: int = Field(default=0, ge=0)


class Lease(Table, table=True):
    """A promise to be alive until `expires_at`, by a process that can be recognised."""

    __tablename__ = "lease"
    __table_args__ = (UniqueConstraint("kind", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=32)
    key: str = Field(max_length=64)
    boot_id: str
    pid: int
    process_started: float = number()
    expires_at: datetime = moment(index=True)
