"""The graph of what came from what."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.store.tables.base import Table, moment


class LineageEdge(Table, table=True):
    """One edge: data flows from -> to, for the reason `kind`."""

    __tablename__ = "lineage_edge"
    __table_args__ = (
        UniqueConstraint("from_kind", "from_key", "to_kind", "to_key", "kind"),
        Index("edge_by_target", "to_kind", "to_key"),
    )
    id: int | None = Field(default=None, primary_key=True)
    from_kind: str = Field(max_length=32)
    from_key: str = Field(max_length=200)
    to_kind: str = Field(max_length=32)
    to_key: str = Field(max_length=200)
    kind: str = Field(max_length=32)
    created_at: datetime = moment()
