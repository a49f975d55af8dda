"""Published versions of a project's features."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment, refers


class FeatureSet(Table, table=True):
    """All views of a project at one moment: Delta versions, rules and the snapshots they came from.

    `views` is JSON: {view: {"table": folder name, "version": Delta version, "rows": n, "columns": [...],
    "function": digest}}; the spine stands under the name of its function. `snapshots` is a JSON list of keys.
    """

    __tablename__ = "feature_set"
    __table_args__ = (UniqueConstraint("project_id", "version"), UniqueConstraint("project_id", "digest"))
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    run_id: int = refers("run.id")
    version: int = Field(ge=1)
    digest: str = Field(min_length=64, max_length=64)
    rules_digest: str = Field(min_length=64, max_length=64)
    rows: int = Field(ge=0)
    views: str = long_text("{}")
    snapshots: str = long_text("[]")
    statistics: str | None = refers("artifact.digest", nullable=True)
    created_at: datetime = moment(index=True)


class FeatureCode(Table, table=True):
    """The feature code that a feature set was computed by: an artifact, JSON {file: text}."""

    __tablename__ = "feature_code"
    feature_set_id: int = refers("feature_set.id", primary_key=True)
    artifact: str = refers("artifact.digest")
