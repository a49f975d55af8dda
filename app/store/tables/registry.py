"""Models, their versions, gates and the history of their stages."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.domain.states import Stage
from app.store.tables.base import Table, long_text, moment, number, refers, word


class Model(Table, table=True):
    """A name under which versions are kept; a project's model has the project's name."""

    __tablename__ = "model"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    project_id: int = refers("project.id")
    created_at: datetime = moment()


class ModelVersion(Table, table=True):
    """An immutable model with everything it came from; only `stage` ever changes."""

    __tablename__ = "model_version"
    __table_args__ = (
        UniqueConstraint("model_id", "version"),
        Index("version_by_stage", "stage", "model_id"),
        Index(
            "one_production_version",
            "model_id",
            unique=True,
            sqlite_where=text("stage = 'production'"),
            postgresql_where=text("stage = 'production'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = refers("model.id")
    version: int = Field(ge=1)
    stage: Stage = word(Stage, Stage.NONE)
    run_id: int = refers("run.id")
    feature_set_id: int = refers("feature_set.id")
    digest: str = Field(min_length=64, max_length=64)
    model_bytes: str = refers("artifact.digest")
    manifest: str = refers("artifact.digest")
    canary: str = refers("artifact.digest")
    profile: str = refers("artifact.digest")
    commit: str | None = Field(default=None, max_length=64)
    dirty: bool = False
    created_at: datetime = moment(index=True)


class GateResult(Table, table=True):
    """The last verdict of one gate about one version."""

    __tablename__ = "gate_result"
    version_id: int = refers("model_version.id", index=False, primary_key=True)
    gate: str = Field(primary_key=True, max_length=64)
    passed: bool
    value: float | None = number(nullable=True)
    limit_value: float | None = number(nullable=True)
    says: str = long_text()
    evaluated_at: datetime = moment()


class StageTransition(Table, table=True):
    """One change of a version's stage; rows are only ever added."""

    __tablename__ = "stage_transition"
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = refers("model_version.id")
    from_stage: Stage = word(Stage)
    to_stage: Stage = word(Stage)
    actor: str
    reason: str = long_text()
    undoes_id: int | None = refers("stage_transition.id", nullable=True)
    created_at: datetime = moment(index=True)
