"""Projects and the versions of their charters."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.store.tables.base import Table, long_text, moment, refers


class Project(Table, table=True):
    """A project of the workspace."""

    __tablename__ = "project"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    title: str = long_text()
    created_at: datetime = moment()


class CharterVersion(Table, table=True):
    """One content of `project.toml` that a run was made with."""

    __tablename__ = "charter_version"
    __table_args__ = (UniqueConstraint("project_id", "version"), UniqueConstraint("project_id", "digest"))
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id")
    version: int = Field(ge=1)
    digest: str = Field(min_length=64, max_length=64)
    document: str = long_text()
    created_at: datetime = moment()
