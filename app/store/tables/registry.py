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
    judged_on: str | None = refers("artifact.digest", nullable=True, name="fk_model_version_judged_on")
    """The untouched rows that its gates were judged on, with truth and predictions; None in versions before 0003."""
    commit: str | None = Field(default=None, max_length=64)
    dirty: bool = False
    created_at: datetime = moment(index=True)


class GateResult(Table, table=True):
    """The last verdict of one gate about one version; `gate_verdict` has those before it too."""

    __tablename__ = "gate_result"
    version_id: int = refers("model_version.id", index=False, primary_key=True)
    gate: str = Field(primary_key=True, max_length=64)
    passed: bool
    value: float | None = number(nullable=True)
    limit_value: float | None = number(nullable=True)
    low: float | None = number(nullable=True)
    high: float | None = number(nullable=True)
    evidence: str = long_text()
    against: str = long_text()
    attempt: int | None = None
    says: str = long_text()
    evaluated_at: datetime = moment()


class GateVerdictRow(Table, table=True):
    """One verdict of one gate, with value, limit, bounds and evidence; rows are only ever added."""

    __tablename__ = "gate_verdict"
    __table_args__ = (Index("verdicts_by_gate", "version_id", "gate", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = refers("model_version.id", index=False)
    gate: str = Field(max_length=64)
    passed: bool
    value: float | None = number(nullable=True)
    limit_value: float | None = number(nullable=True)
    low: float | None = number(nullable=True)
    high: float | None = number(nullable=True)
    evidence: str = long_text()
    against: str = long_text()
    attempt: int | None = None
    says: str = long_text()
    actor: str = ""
    evaluated_at: datetime = moment()


class Alias(Table, table=True):
    """A name that points at one version of a model; a protected one is moved by promotions and nothing else."""

    __tablename__ = "model_alias"
    model_id: int = refers("model.id", index=False, primary_key=True)
    alias: str = Field(primary_key=True, max_length=64)
    version_id: int = refers("model_version.id")
    protected: bool = False
    changed_at: datetime = moment()


class AliasMove(Table, table=True):
    """One move of an alias, the ledger of what stood where and when; rows are only ever added.

    `from_id` is None when it is new, `to_id` when it was taken away.
    """

    __tablename__ = "alias_move"
    __table_args__ = (Index("moves_by_alias", "model_id", "alias", "created_at", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = refers("model.id", index=False)
    alias: str = Field(max_length=64)
    from_id: int | None = refers("model_version.id", nullable=True)
    to_id: int | None = refers("model_version.id", nullable=True)
    actor: str
    reason: str = long_text()
    created_at: datetime = moment()


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
