"""Verdicts about runs that were made a second time."""

from datetime import datetime

from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment, number, refers


class Reproduction(Table, table=True):
    """One attempt to make a run again, with what came out; rows are only ever added, the newest counts."""

    __tablename__ = "reproduction"
    id: int | None = Field(default=None, primary_key=True)
    run_id: int = refers("run.id")
    verdict: str = Field(max_length=16)
    step: str = Field(default="", max_length=16)
    first_difference: str = long_text("null")
    steps: str = long_text("[]")
    says: str = long_text()
    seconds: float = number()
    actor: str
    created_at: datetime = moment(index=True)
