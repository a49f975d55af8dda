"""A source whose columns change from one snapshot to the next: said, never silent."""

import json
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from app.domain.text import visible
from app.store.engine import Store
from app.store.tables import Snapshot

Columns = Sequence[tuple[str, str]]
SHOWN = 12


def columns_now(store: Store, project_id: int, source: str) -> Columns:
    """The columns of the newest snapshot of a source that has rows, as (name, type) pairs; empty before the first."""
    query = (
        select(col(Snapshot.columns))
        .where(col(Snapshot.project_id) == project_id, col(Snapshot.source) == source, col(Snapshot.rows) > 0)
        .order_by(col(Snapshot.id).desc())
        .limit(1)
    )
    with store.read() as session:
        found = session.execute(query).scalar_one_or_none()
    return [(str(one["name"]), str(one["type"])) for one in json.loads(found or "[]")]


def changed(before: Columns, after: Columns) -> str:
    """What is gone, new, or of another type; nothing when all is as before, or when there was no before.

    >>> changed([("a", "int64"), ("b", "string"), ("c", "double")], [("a", "double"), ("c", "string"), ("d", "int64")])
    'b is gone; d is new; c was double, is string'
    """
    if not before or not after:
        return ""
    old, new = dict(before), dict(after)
    says = [f"{visible(name, longest=60)} is gone" for name in old if name not in new]
    says += [f"{visible(name, longest=60)} is new" for name in new if name not in old]
    says += [
        f"{visible(name, longest=60)} was {old[name]}, is {kind}"
        for name, kind in new.items()
        if name in old and _sort(old[name]) != _sort(kind) and "null" not in (old[name], kind)
    ]
    more = f"; and {len(says) - SHOWN} more" if len(says) > SHOWN else ""
    return "; ".join(says[:SHOWN]) + more


def _sort(kind: str) -> str:
    """Numbers are one sort: a whole number that misses a value is read as one with a point."""
    return "number" if kind.startswith(("int", "uint", "double", "float", "half")) else kind
