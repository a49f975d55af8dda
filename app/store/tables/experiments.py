"""Parameters and metrics: the latest value of each metric in its own table, every point in another."""

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from app.store.tables.base import Table, long_text, number, refers

ONE_VALUE = (
    "CASE WHEN value IS NOT NULL THEN special IS NULL"
    " ELSE special IS NOT NULL AND (special = 'nan' OR special = 'inf' OR special = '-inf') END"
)
"""Exactly one of both. Never NULL itself, because a CHECK that is NULL passes; and without IN, for which SQLite
builds a table at each row (it doubled the time of 100,000 points)."""


class Parameter(Table, table=True):
    """One parameter of a run, as text."""

    __tablename__ = "parameter"
    __table_args__ = {"sqlite_with_rowid": False}
    run_id: int = refers("run.id", index=False, primary_key=True)
    key: str = Field(primary_key=True, max_length=250)
    value: str = long_text()


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
