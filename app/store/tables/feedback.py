"""Feedback: what an alert asks of each receiver, and the decision about each retrain."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.domain.policy import Trigger
from app.domain.states import FeedbackState, Receiver
from app.store.tables.base import Table, long_text, moment, refers, word


class FeedbackItem(Table, table=True):
    """What one alert asks of one receiver; a run or a change of rules that answers it cites its key."""

    __tablename__ = "feedback_item"
    __table_args__ = (
        UniqueConstraint("alert_id", "receiver"),
        Index("feedback_items_by_state", "state", "receiver"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    alert_id: int = refers("alert.id")
    receiver: Receiver = word(Receiver)
    state: FeedbackState = word(FeedbackState, FeedbackState.OPEN)
    says: str = long_text()
    next_step: str = long_text()
    opened_at: datetime = moment()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = moment(nullable=True)
    resolved_by: str | None = None
    resolved_at: datetime | None = moment(nullable=True)
    answer: str = long_text()


class Decision(Table, table=True):
    """Whether a trigger starts a retrain, with the reason; a yes is sent as an event until a run has it as its cause.

    `verdict` says what became of the challenger, once its run has ended: won or refused, and why in `outcome`.
    """

    __tablename__ = "decision"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=12)
    project_id: int = refers("project.id")
    alert_id: int | None = refers("alert.id", nullable=True)
    trigger: Trigger = word(Trigger, Trigger.ALERT)
    retrain: bool
    reason: str = long_text()
    decided_at: datetime = moment(index=True)
    emitted_at: datetime | None = moment(nullable=True)
    run_id: int | None = refers("run.id", nullable=True)
    won: bool | None = None
    outcome: str = long_text()
    settled_at: datetime | None = moment(nullable=True)
