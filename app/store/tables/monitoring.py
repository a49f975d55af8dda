"""Monitor reports, their signals, and the alerts they open."""

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


class VersionReference(Table, table=True):
    """A reference that a version got after its registration; the newest one counts, the version stays as it is."""

    __tablename__ = "version_reference"
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = refers("model_version.id")
    profile: str = refers("artifact.digest")
    actor: str
    created_at: datetime = moment()


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


UNRESOLVED = "state <> 'resolved'"
UNRESOLVED_EVERYWHERE = "state <> 'resolved' AND project_id IS NULL"


class Alert(Table, table=True):
    """A signal past its limit, until it is resolved; one unresolved alert a project and signal.

    An alert without a project speaks of the machine or the services, one without a report of their health or a run's.
    `quiet` counts windows in a row within the limit; `muted_until` keeps notifications back and nothing else.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "one_unresolved_alert",
            "project_id",
            "signal",
            unique=True,
            sqlite_where=text(UNRESOLVED),
            postgresql_where=text(UNRESOLVED),
        ),
        Index(
            "one_unresolved_alert_everywhere",
            "signal",
            unique=True,
            sqlite_where=text(UNRESOLVED_EVERYWHERE),
            postgresql_where=text(UNRESOLVED_EVERYWHERE),
        ),
        Index("alert_by_state", "state"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int | None = refers("project.id", nullable=True)
    version_id: int | None = refers("model_version.id", nullable=True)
    report_id: int | None = refers("monitor_report.id", nullable=True)
    run_id: int | None = refers("run.id", nullable=True, name="alert_is_about_a_run")
    signal: str = Field(max_length=300)
    kind: str = Field(default="drift", max_length=32)
    feature: str | None = None
    slice: str | None = None
    source: str | None = None
    severity: Severity = word(Severity)
    state: AlertState = word(AlertState, AlertState.OPEN)
    says: str = long_text()
    next_step: str = long_text()
    value: float | None = number(nullable=True)
    limit_value: float | None = number(nullable=True)
    rows: int | None = Field(default=None, ge=0)
    window_from: datetime | None = moment(nullable=True)
    window_to: datetime | None = moment(nullable=True)
    grouped: str = Field(default="", max_length=64)
    owner: str | None = None
    seen: int = Field(default=1, ge=1)
    quiet: int = Field(default=0, ge=0)
    opened_at: datetime = moment(index=True)
    last_seen_at: datetime = moment()
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = moment(nullable=True)
    acknowledged_reason: str = long_text()
    muted_by: str | None = None
    muted_until: datetime | None = moment(nullable=True)
    muted_reason: str = long_text()
    resolved_at: datetime | None = moment(nullable=True)
    resolved_by: str | None = None
    resolved_reason: str = long_text()
