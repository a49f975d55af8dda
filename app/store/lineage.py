"""Edges of the lineage graph, written with the result that they explain."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session, col

from app.domain.ids import Ref
from app.store.tables import LineageEdge

_SAME = select(col(LineageEdge.id)).where(
    *(
        col(getattr(LineageEdge, name)) == bindparam(name)
        for name in ("from_kind", "from_key", "to_kind", "to_key", "kind")
    )
)
"""Made once: a build links dozens of snapshots."""


def link(session: Session, edges: Iterable[tuple[Ref, Ref, str]], *, now: datetime) -> None:
    """Add edges (from, to, kind) that are not there yet."""
    connection = session.connection()
    for source, target, kind in edges:
        values = {
            "from_kind": source.kind,
            "from_key": source.key,
            "to_kind": target.kind,
            "to_key": target.key,
            "kind": kind,
        }
        found = connection.execute(_SAME, values).first()
        if found is None:
            connection.execute(insert(LineageEdge), {**values, "created_at": now})
