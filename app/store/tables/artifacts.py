"""Artifacts: bytes named by their SHA-256, in chunks beside their metadata."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, LargeBinary
from sqlmodel import Field

from app.store.tables.base import Table, moment, size


class Artifact(Table, table=True):
    """One content-addressed sequence of bytes."""

    __tablename__ = "artifact"
    digest: str = Field(primary_key=True, min_length=64, max_length=64)
    size_bytes: int = size()
    kind: str
    media_type: str
    created_at: datetime = moment()


class Chunk(Table, table=True):
    """At most 1 MiB of an artifact's bytes, in order from 0."""

    __tablename__ = "chunk"
    artifact: str = Field(
        sa_column=Column(ForeignKey("artifact.digest", ondelete="CASCADE"), primary_key=True, nullable=False)
    )
    ordinal: int = Field(primary_key=True, ge=0)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
