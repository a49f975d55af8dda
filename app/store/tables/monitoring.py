"""Monitor reports, their signals, the alerts they open and the decisions that follow."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from app.domain.states import AlertState, Severity
from app.store.tables.base import Table, long_text, moment, number, refers, word
from app.store.tables.experiments import ONE_VALUE


class MonitorReport(Table, table=True):
    """What one window looked like next to the model's training profile."""

    __tablename__ = "monitor_report"
    __table_args__ = (UniqueConstraint("version_id", "window_from", "window_to", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    version_id: int = refers("model_version.id")
    run_id: int = refers("run.id")
    window_from: datetime | None = moment(nullable=True)
    window_to: datetime | None = moment(nullable=True)
    rows: int = Field(ge=0)
    labelled_rows: int = Field(ge=0)
    digest: str = Field(min_length=64, max_length=64)
    profile: str = refers("artifact.digest")
    created_at: datetime = moment(index=True)


class Signal(Table, table=True):
    """One number of a report against its limit."""

    __tablename__ = "signal"
    __table_args__ = (CheckConstraint(ONE_VALUE, name="signal_has_one_value"), {"sqlite_with_rowid": False})
    report_id: int = refers("monitor_report.id", index=False, primary_key=True)
    name: str = Field(primary_key=True, max_length=300)
    kind: str = Field(max_length=32)
    feature: str | None = None
    value: float | None = number(nullable=True)
    special: str | None = Field(default=None, max_length=4)
    limit_value: float | None = number(nullable=True)
    direction: str = Field(max_length=8)
    breached: bool = False
    slice: str | None = Field(default=None, max_length=300)
    low: float | None = number(nullable=True)
    high: float | None = number(nullable=True)
    importance: float | None = number(nullable=True)
    says: str = Field(default="", max_length=500)


class Alert(Table, table=True):
    """A signal past its limit, until it is resolved; one unresolved alert a project and signal."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "one_unresolved_alert",
            "project_id",
            "signal",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    version_id: int = refers("model_version.id")
    report_id: int = refers("monitor_report.id")
    signal: str = Field(max_length=300)
    severity: Severity = word(Severity)
    state: AlertState = word(AlertState, AlertState.OPEN)
    says: str = long_text()
    seen: int = Field(default=1, ge=1)
    opened_at: datetime = moment(index=True)
    last_seen_at: datetime = moment()
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = moment(nullable=True)
    acknowledged_reason: str = long_text()
    resolved_at: datetime | None = moment(nullable=True)


class Decision(Table, table=True):
    """Whether an alert starts a retrain, with the reason; a yes is sent as an event until a run has it as its cause."""

    __tablename__ = "decision"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    alert_id: int = refers("alert.id")
    retrain: bool
    reason: str = long_text()
    decided_at: datetime = moment(index=True)
    emitted_at: datetime | None = moment(nullable=True)
    run_id: int | None = refers("run.id", nullable=True)
