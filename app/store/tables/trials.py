"""Searches and their trials: what a killed search goes on from."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.domain.problem import Direction
from app.domain.states import TrialState
from app.store.tables.base import Digest, Table, long_text, moment, refers, size, word
from app.store.tables.base import number as finite


class Experiment(Table, table=True):
    """One search for a learner and its hyperparameters; a resumed one is the same, with trials of another run."""

    __tablename__ = "experiment"
    __table_args__ = (Index("experiment_by_project", "project_id", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    run_id: int = refers("run.id")
    project_id: int = refers("project.id", index=False)
    feature_set_id: int = refers("feature_set.id")
    metric: str = Field(max_length=64)
    direction: Direction = word(Direction)
    configuration: str = long_text("{}")
    configuration_digest: Digest
    split_digest: Digest
    folds_digest: Digest
    columns: int = Field(ge=1)
    wanted: int = Field(ge=1)
    best: int | None = Field(default=None, ge=0)
    edges: str = long_text("[]")
    stopped: str = long_text()
    created_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)


class Trial(Table, table=True):
    """One configuration that was tried: its mean over the folds, or why there is none; never a NaN."""

    __tablename__ = "trial"
    __table_args__ = (
        Index("trial_by_value", "experiment_id", "state", "value"),
        {"sqlite_with_rowid": False},
    )
    experiment_id: int = refers("experiment.id", index=False, primary_key=True)
    number: int = Field(primary_key=True, ge=0)
    run_id: int = refers("run.id")
    state: TrialState = word(TrialState)
    learner: str = Field(max_length=32)
    parameters: str = long_text("{}")
    rounds_limit: int = Field(ge=1)
    seed: int
    balance: bool
    rounds: int | None = Field(default=None, ge=0)
    value: float | None = finite(nullable=True)
    standard_error: float | None = finite(nullable=True)
    fold_values: str = long_text("[]")
    curve: str = long_text("[]")
    share: float | None = finite(nullable=True)
    says: str = long_text()
    peak_bytes: int | None = size(nullable=True)
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    duration_s: float | None = finite(nullable=True)
