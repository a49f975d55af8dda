"""Parameters and metrics: the latest value of each metric in its own table, every point in another."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment, number, refers

ONE_VALUE = (
    "CASE WHEN value IS NOT NULL THEN special IS NULL"
    " ELSE special IS NOT NULL AND (special = 'nan' OR special = 'inf' OR special = '-inf') END"
)
"""Exactly one of both. Never NULL itself, because a CHECK that is NULL passes; and without IN, for which SQLite
builds a table at each row (it doubled the time of 100,000 points)."""


IS_NUMBER, IS_SHORT_TEXT = "number IS NOT NULL", "number IS NULL AND length(value) <= 200"


class Parameter(Table, table=True):
    """One parameter of a run, as text, and as a number when it is one; either way an index finds it."""

    __tablename__ = "parameter"
    __table_args__ = (
        Index(
            "parameter_by_number",
            "key",
            "number",
            "run_id",
            sqlite_where=text(IS_NUMBER),
            postgresql_where=text(IS_NUMBER),
        ),
        Index(
            "parameter_by_text",
            "key",
            "value",
            "run_id",
            sqlite_where=text(IS_SHORT_TEXT),
            postgresql_where=text(IS_SHORT_TEXT),
        ),
        {"sqlite_with_rowid": False},
    )
    run_id: int = refers("run.id", index=False, primary_key=True)
    key: str = Field(primary_key=True, max_length=250)
    value: str = long_text()
    number: float | None = number(nullable=True)


class Metric(Table, table=True):
    """The latest value of one metric of a run; NaN and infinity stand in `special`, never as NULL alone."""

    __tablename__ = "metric"
    __table_args__ = (
        CheckConstraint(ONE_VALUE, name="metric_has_one_value"),
        Index("metric_by_value", "key", "value", "run_id"),
        {"sqlite_with_rowid": False},
    )
    run_id: int = refers("run.id", index=False, primary_key=True)
    key: str = Field(primary_key=True, max_length=250)
    value: float | None = number(nullable=True)
    special: str | None = Field(default=None, max_length=4)


class MetricPoint(Table, table=True):
    """One point of a metric's history."""

    __tablename__ = "metric_point"
    __table_args__ = (
        CheckConstraint(ONE_VALUE, name="metric_point_has_one_value"),
        {"sqlite_with_rowid": False},
    )
    run_id: int = refers("run.id", index=False, primary_key=True)
    key: str = Field(primary_key=True, max_length=250)
    step: int = Field(primary_key=True)
    value: float | None = number(nullable=True)
    special: str | None = Field(default=None, max_length=4)


class RunTag(Table, table=True):
    """A word that a person put on a run, with a value or without one."""

    __tablename__ = "run_tag"
    __table_args__ = (Index("run_tag_by_key", "key", "run_id"), {"sqlite_with_rowid": False})
    run_id: int = refers("run.id", index=False, primary_key=True)
    key: str = Field(primary_key=True, min_length=1, max_length=250)
    value: str = long_text()


class RunNote(Table, table=True):
    """What a person wrote about a run; rows are only ever added, the newest one is shown first."""

    __tablename__ = "run_note"
    __table_args__ = (Index("run_note_by_run", "run_id", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    run_id: int = refers("run.id", index=False)
    at: datetime = moment()
    actor: str
    says: str = long_text()


class RunArtifact(Table, table=True):
    """A file of a run that came from elsewhere, by its path below the run."""

    __tablename__ = "run_artifact"
    __table_args__ = {"sqlite_with_rowid": False}
    run_id: int = refers("run.id", index=False, primary_key=True)
    path: str = Field(primary_key=True, max_length=500)
    artifact: str = refers("artifact.digest")


class Baseline(Table, table=True):
    """The run that a project's runs are compared with until another one is pinned."""

    __tablename__ = "baseline"
    project_id: int = refers("project.id", index=False, primary_key=True)
    run_id: int = refers("run.id")
    pinned_by: str
    pinned_at: datetime = moment()
