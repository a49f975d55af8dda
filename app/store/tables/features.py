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


class OnlinePublish(Table, table=True):
    """One publish to the online store: which rows of which feature set could be read from then on.

    `views` is a JSON list of {"view", "rows", "waiting", "is_new"}; rows known at `known_until` took part.
    """

    __tablename__ = "online_publish"
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    run_id: int = refers("run.id")
    feature_set_id: int = refers("feature_set.id")
    rows: int = Field(ge=0)
    views: str = long_text("[]")
    known_until: datetime = moment()
    created_at: datetime = moment(index=True)


class SkewCheck(Table, table=True):
    """One comparison of online rows with the offline store; the report is a JSON artifact with every difference."""

    __tablename__ = "skew_check"
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    feature_set_id: int = refers("feature_set.id")
    entities: int = Field(ge=0)
    compared: int = Field(ge=0)
    differences: int = Field(ge=0)
    report: str = refers("artifact.digest")
    actor: str
    created_at: datetime = moment(index=True)


class TrainingSet(Table, table=True):
    """Named, versioned rows to learn from: a feature set, a window of the spine, a split, and digests of both.

    `split` is the rule (JSON), `sides` the artifact that says of each row on which side it stands.
    """

    __tablename__ = "training_set"
    __table_args__ = (UniqueConstraint("project_id", "name", "version"),)
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    feature_set_id: int = refers("feature_set.id")
    run_id: int | None = refers("run.id", nullable=True)
    name: str = Field(max_length=64)
    version: int = Field(ge=1)
    window_from: datetime | None = moment(nullable=True)
    window_to: datetime | None = moment(nullable=True)
    rows: int = Field(ge=0)
    train_rows: int = Field(ge=0)
    test_rows: int = Field(ge=0)
    purged_rows: int = Field(ge=0)
    digest: str = Field(min_length=64, max_length=64)
    split: str = long_text("{}")
    split_digest: str = Field(min_length=64, max_length=64)
    sides: str = refers("artifact.digest")
    actor: str
    created_at: datetime = moment(index=True)


class FeatureCode(Table, table=True):
    """The feature code that a feature set was computed by: an artifact, JSON {file: text}."""

    __tablename__ = "feature_code"
    feature_set_id: int = refers("feature_set.id", primary_key=True)
    artifact: str = refers("artifact.digest")
