"""Supervised processes, leases that prove somebody is alive, and what runs were expected to need."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.domain.states import ServiceState
from app.store.tables.base import Table, long_text, moment, number, refers, size, word


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


class Estimate(Table, table=True):
    """What a training run was expected to need, and beside it what it needed; without a run it was only asked for."""

    __tablename__ = "estimate"
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    run_id: int | None = refers("run.id", nullable=True)
    learner: str = Field(max_length=32)
    device: str = Field(max_length=16)
    rows: int = Field(ge=0)
    features: int = Field(ge=0)
    rounds: int = Field(ge=0)
    threads: int = Field(ge=1)
    basis: str = Field(max_length=32)
    seconds: float = number()
    seconds_low: float = number()
    seconds_high: float = number()
    rss_bytes: int = size()
    rss_low_bytes: int = size()
    rss_high_bytes: int = size()
    gpu_memory_bytes: int = size()
    actual_seconds: float | None = number(nullable=True)
    actual_rss_bytes: int | None = size(nullable=True)
    actual_gpu_memory_bytes: int | None = size(nullable=True)
    created_at: datetime = moment(index=True)


class Admission(Table, table=True):
    """One decision about letting a run begin; rows are only ever added."""

    __tablename__ = "admission"
    __table_args__ = (Index("admission_by_run", "run_id", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    run_id: int = refers("run.id", index=False)
    decision: str = Field(max_length=16)
    needs_bytes: int = size()
    free_bytes: int = size()
    total_bytes: int = size()
    says: str = long_text()
    decided_at: datetime = moment()
