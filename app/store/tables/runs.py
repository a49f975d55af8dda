"""Runs, their tasks, log lines and resource samples: the ledger."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from app.domain.states import CauseKind, RunState, TaskState
from app.store.tables.base import Table, long_text, moment, number, refers, size, word

ARCHIVED = "archived_at IS NOT NULL"


class Run(Table, table=True):
    """One run of a flow, from the request to the end; Prefect orders it, this row is the record."""

    __tablename__ = "run"
    __table_args__ = (
        Index("run_by_state", "state", "id"),
        Index("run_by_project", "project_id", "flow", "id"),
        Index("run_by_flow", "flow", "id"),
        Index("run_by_start", "started_at", "id"),
        Index("run_by_end", "finished_at", "id"),
        Index("run_by_duration", "duration_s", "id"),
        Index("run_by_person", "requested_by", "id"),
        Index("run_by_commit", "commit", "id"),
        Index("run_archived", "archived_at", sqlite_where=text(ARCHIVED), postgresql_where=text(ARCHIVED)),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    flow: str = Field(max_length=64)
    project_id: int = refers("project.id", index=False)
    state: RunState = word(RunState)
    cause: CauseKind = word(CauseKind)
    cause_key: str | None = Field(default=None, max_length=200, index=True)
    requested_by: str
    requested_at: datetime = moment(index=True)
    started_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    duration_s: float | None = number(nullable=True)
    parameters: str = long_text("{}")
    seed: int | None = None
    charter_digest: str | None = Field(default=None, max_length=64)
    commit: str | None = Field(default=None, max_length=64)
    dirty: bool | None = None
    bundle: str | None = Field(default=None, max_length=64)
    lock_digest: str | None = Field(default=None, max_length=64)
    environment: str = long_text("{}")
    prefect_id: str | None = Field(default=None, max_length=64, index=True)
    stages: int | None = Field(default=None, ge=0)
    stages_done: int = Field(default=0, ge=0)
    error: str = long_text()
    next_step: str = long_text()
    peak_rss_bytes: int | None = size(nullable=True)
    archived_at: datetime | None = moment(nullable=True)
    peak_gpu_memory_bytes: int | None = size(nullable=True)
    energy_j: float | None = number(nullable=True)
    device: str = Field(default="cpu", max_length=16)
    diff: str | None = refers("artifact.digest", nullable=True, name="run_diff_is_an_artifact")


class Task(Table, table=True):
    """One task of a run; it writes its own row, and its end stands in the transaction of its result."""

    __tablename__ = "task"
    __table_args__ = (Index("task_by_run", "run_id", "ordinal"),)
    id: int | None = Field(default=None, primary_key=True)
    run_id: int = refers("run.id", index=False)
    name: str = Field(max_length=100)
    ordinal: int = Field(ge=0)
    state: TaskState = word(TaskState)
    says: str = long_text()
    share: float | None = number(nullable=True)
    eta_s: float | None = number(nullable=True)
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    duration_s: float | None = number(nullable=True)
    inputs: str = long_text("[]")
    outputs: str = long_text("[]")
    error: str = long_text()


class LogLine(Table, table=True):
    """One line of a run's log."""

    __tablename__ = "log_line"
    __table_args__ = {"sqlite_with_rowid": False}
    run_id: int = refers("run.id", index=False, primary_key=True)
    seq: int = Field(primary_key=True, ge=0)
    at: datetime = moment()
    level: str = Field(max_length=10)
    says: str = long_text()


class ResourceSample(Table, table=True):
    """What a run's processes used at one moment; bytes of disk and joules count from the run's start."""

    __tablename__ = "resource_sample"
    __table_args__ = {"sqlite_with_rowid": False}
    run_id: int = refers("run.id", index=False, primary_key=True)
    seq: int = Field(primary_key=True, ge=0)
    at: datetime = moment()
    cpu_percent: float | None = number(nullable=True)
    rss_bytes: int | None = size(nullable=True)
    gpu_percent: float | None = number(nullable=True)
    gpu_memory_bytes: int | None = size(nullable=True)
    read_bytes: int | None = size(nullable=True)
    written_bytes: int | None = size(nullable=True)
    energy_j: float | None = number(nullable=True)
