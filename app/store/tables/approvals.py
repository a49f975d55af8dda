"""Who lets a version pass: approvals by people, and waivers of single gates with an end."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment, refers


class Approval(Table, table=True):
    """One person's yes to a version; a person has one."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("version_id", "actor"),)
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = refers("model_version.id", index=False)
    actor: str
    reason: str = long_text()
    created_at: datetime = moment()


class Waiver(Table, table=True):
    """A person lets one gate of one version go until a moment; rows are only ever added, an old one counts as none."""

    __tablename__ = "waiver"
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = refers("model_version.id")
    gate: str = Field(max_length=64)
    actor: str
    reason: str = long_text()
    until: datetime = moment()
    created_at: datetime = moment()
