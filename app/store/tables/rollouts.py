"""Rollouts: a candidate that is tried beside production, and what the gateway's processes saw of it."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from app.domain.states import RolloutState
from app.store.tables.base import Table, long_text, moment, number, refers, word

OPEN = "state IN ('shadow', 'canary', 'watch')"


class Rollout(Table, table=True):
    """One trial of a version beside production, or its watch after the switch; the gateway follows the open row.

    `limits` is `[serving]` as JSON. Who waits for the verdict renews `watched_until`; past it nobody waits any more and
    the gateway lets go of the candidate. A watch ends well at `watched_until`; nobody waits for it.
    """

    __tablename__ = "rollout"
    __table_args__ = (
        Index("one_open_rollout", "project_id", unique=True, sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    version_id: int = refers("model_version.id")
    baseline_id: int = refers("model_version.id")
    run_id: int | None = refers("run.id", nullable=True)
    state: RolloutState = word(RolloutState)
    limits: str = long_text()
    says: str = long_text()
    began_at: datetime = moment(index=True)
    stage_at: datetime = moment()
    watched_until: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)


class RolloutWindow(Table, table=True):
    """What one process of the gateway saw of a rollout in a few seconds; histograms as numbers with commas between."""

    __tablename__ = "rollout_window"
    id: int | None = Field(default=None, primary_key=True)
    rollout_id: int = refers("rollout.id")
    stage: RolloutState = word(RolloutState)
    worker: str = Field(max_length=40)
    at: datetime = moment()
    requests: int = Field(ge=0)
    errors: int = Field(ge=0)
    rows: int = Field(ge=0)
    agreed: int = Field(ge=0)
    dropped: int = Field(ge=0)
    difference_sum: float = number()
    candidate_ms: str = long_text()
    production_ms: str = long_text()
