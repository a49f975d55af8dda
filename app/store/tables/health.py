"""What is watched besides data: signals of health, their past, heartbeats; and who is to be told of alerts."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.domain.states import NoticeState, Severity
from app.store.columns import UtcTime
from app.store.tables.base import Table, long_text, moment, number, refers, word


class HealthSignal(Table, table=True):
    """One number about machine, runs, CI, freshness or services; `scope` is a project's name, or nothing for all.

    `in_a_row` counts looks past the limit (or, not breached, within it) since the last change.
    """

    __tablename__ = "health_signal"
    __table_args__ = (UniqueConstraint("scope", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    scope: str = Field(default="", max_length=64)
    name: str = Field(max_length=300)
    kind: str = Field(max_length=32)
    value: float | None = number(nullable=True)
    limit_value: float | None = number(nullable=True)
    unit: str = Field(default="", max_length=16)
    breached: bool = False
    severity: Severity = word(Severity)
    says: str = long_text()
    next_step: str = long_text()
    in_a_row: int = Field(default=1, ge=1)
    since: datetime = moment()
    checked_at: datetime = moment(index=True)


class HealthPoint(Table, table=True):
    """A signal of health at one moment; kept for two weeks."""

    __tablename__ = "health_point"
    __table_args__ = {"sqlite_with_rowid": False}
    signal_id: int = refers("health_signal.id", index=False, primary_key=True)
    at: datetime = Field(sa_type=UtcTime, primary_key=True)
    value: float = number()


class Heartbeat(Table, table=True):
    """When a service last said that it works, not only that it lives; silence beyond `late_s` is an alarm."""

    __tablename__ = "heartbeat"
    name: str = Field(primary_key=True, max_length=64)
    at: datetime = moment()
    pid: int
    late_s: float = number()
    says: str = long_text()


class Notice(Table, table=True):
    """What one hook is to tell of alerts of one group; the row is there before anybody is told, and says how it went.

    `alerts` is a JSON list of keys; alerts of the same group that come while it waits are added to it.
    """

    __tablename__ = "notice"
    __table_args__ = (Index("notices_that_wait", "state", "next_at"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int | None = refers("project.id", nullable=True)
    hook: str = Field(max_length=64)
    event: str = Field(max_length=16)
    grouped: str = Field(default="", max_length=64)
    alerts: str = long_text("[]")
    state: NoticeState = word(NoticeState, NoticeState.WAITING)
    tries: int = Field(default=0, ge=0)
    next_at: datetime = moment()
    last_error: str = long_text()
    created_at: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)
