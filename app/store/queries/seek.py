"""Where a page of runs begins when a screen jumps: the keyset cursor just before the row of an index."""

from app.store.queries.rows import where as where_clause
from app.store.queries.runs import Cursor, RunFilter, _conditions, _sorting
from app.store.reader import Reader


def cursor_at(
    reader: Reader,
    index: int,
    *,
    where: RunFilter | None = None,
    sort: str = "requested",
    descending: bool = True,
) -> Cursor | None:
    """The cursor of the row before `index` (from 0) in the order of `page_of_runs`; None before the first row.

    Only sort values and ids are walked, so a jump over 10,000 rows costs a few milliseconds.
    """
    if index <= 0:
        return None
    column, _, bound = _sorting(sort)
    conditions, parameters = _conditions(None, None, where)
    way = "DESC" if descending else "ASC"
    if column == "r.id":
        source, order = "run r", f"r.id {way}"
    else:
        joined = column == "m.value"
        source = "run r LEFT JOIN metric m ON m.run_id = r.id AND m.key = :sort_metric" if joined else "run r"
        order = f"CASE WHEN {column} IS NULL THEN 1 ELSE 0 END, {column} {way}, r.id {way}"
    row = reader.one(
        f"SELECT {column} AS value, r.id FROM {source} {where_clause(conditions)} ORDER BY {order} LIMIT 1 OFFSET :at",  # noqa: S608
        {**parameters, **bound, "at": index - 1},
    )
    return (row["value"], row["id"]) if row else None
