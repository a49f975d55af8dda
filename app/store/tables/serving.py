"""Deployments of model versions and what they predicted."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.domain.states import DeploymentState
from app.store.tables.base import Table, long_text, moment, refers, word


class Deployment(Table, table=True):
    """One try to put a version in front of requests; the active row is the pointer that the gateway follows."""

    __tablename__ = "deployment"
    __table_args__ = (
        Index(
            "one_active_deployment",
            "project_id",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    version_id: int = refers("model_version.id")
    previous_id: int | None = refers("deployment.id", nullable=True)
    run_id: int | None = refers("run.id", nullable=True)
    state: DeploymentState = word(DeploymentState)
    verdict: str = long_text()
    created_at: datetime = moment()
    changed_at: datetime = moment()


class PredictionBatch(Table, table=True):
    """Predictions of one version for one window of the offline store, as one Parquet artifact."""

    __tablename__ = "prediction_batch"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    version_id: int = refers("model_version.id")
    feature_set_id: int = refers("feature_set.id")
    run_id: int = refers("run.id")
    artifact: str = refers("artifact.digest")
    rows: int = Field(ge=0)
    window_from: datetime | None = moment(nullable=True)
    window_to: datetime | None = moment(nullable=True)
    created_at: datetime = moment(index=True)


class PredictionPart(Table, table=True):
    """A finished piece of a batch that is still being made; `plan` is the digest of all that decides its rows."""

    __tablename__ = "prediction_part"
    __table_args__ = (UniqueConstraint("plan", "ordinal"),)
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    plan: str = Field(max_length=64)
    ordinal: int = Field(ge=0)
    artifact: str = refers("artifact.digest")
    rows: int = Field(ge=0)
    window_from: datetime | None = moment(nullable=True)
    window_to: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
