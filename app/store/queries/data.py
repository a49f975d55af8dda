"""Snapshots, sources with their freshness, and rows in quarantine."""

from dataclasses import dataclass, replace
from typing import Any

from app.store.queries.privacy import masked, private_columns
from app.store.queries.rows import as_flags, made, where
from app.store.reader import Reader


@dataclass(frozen=True)
class SnapshotRow:
    """One immutable snapshot of a source; `columns` is JSON, `stands` whether it is part of the source now."""

    key: str
    project: str
    source: str
    digest: str
    artifact: str
    profile: str | None
    run: str
    rows_in: int
    rows: int
    quarantined: int
    columns: str
    watermark: str | None
    time_from: str | None
    time_to: str | None
    created_at: str
    stands: bool


@dataclass(frozen=True)
class SourceRow:
    """A source over all its snapshots: `newest` is its newest row, `refreshed_at` the time of its last snapshot."""

    project: str
    source: str
    snapshots: int
    files: int
    rows: int
    quarantined: int
    quarantined_open: int
    watermark: str | None
    newest: str | None
    refreshed_at: str
    digest: str
    snapshot: str


@dataclass(frozen=True)
class QuarantineRow:
    """A row that was turned away; `content` and `repairs` are JSON, `released_in` is a snapshot's key."""

    id: int
    project: str
    source: str
    snapshot: str
    file: str
    row_number: int
    rule: str
    reason: str
    content: str
    state: str
    repairs: str
    released_in: str | None
    decided_by: str | None
    decided_at: str | None


@dataclass(frozen=True)
class RuleCount:
    """How many rows one rule turned away, and how many of them still wait."""

    source: str
    rule: str
    rows: int
    open: int
    example: str


@dataclass(frozen=True)
class SourceFileRow:
    """A raw file that a snapshot took in."""

    snapshot: str
    source: str
    path: str
    digest: str
    size_bytes: int
    rows: int


_STANDS = """(coalesce(s.parent_id, s.id) IN
    (SELECT max(n.snapshot_id) FROM source_file n GROUP BY n.project_id, n.source, n.path)
  AND NOT EXISTS (SELECT 1 FROM snapshot c WHERE c.parent_id = coalesce(s.parent_id, s.id) AND c.id > s.id))"""
"""Whether `s` is part of its source now: its file did not come again, and no row was released from its quarantine."""

_SNAPSHOTS = f"""
SELECT s.key, p.name AS project, s.source, s.digest, s.artifact, s.profile, r.key AS run, s.rows_in, s.rows,
  s.quarantined, s.columns, s.watermark, s.time_from, s.time_to, s.created_at, {_STANDS} AS stands
FROM snapshot s JOIN project p ON p.id = s.project_id JOIN run r ON r.id = s.run_id
"""  # noqa: S608


def snapshots(
    reader: Reader,
    *,
    project: str | None = None,
    source: str | None = None,
    before_key: str | None = None,
    limit: int = 100,
) -> list[SnapshotRow]:
    """Snapshots, newest first; `before_key` continues after a page."""
    conditions, bound = _conditions(project, source)
    if before_key is not None:
        conditions.append("s.id < (SELECT id FROM snapshot WHERE key = :before)")
        bound["before"] = before_key
    tail = f"{where(conditions)} ORDER BY s.id DESC LIMIT :limit"
    rows = reader.rows(_SNAPSHOTS + tail, {**bound, "limit": limit})
    return made(SnapshotRow, (as_flags(row, "stands") for row in rows))


def sources(reader: Reader, *, project: str | None = None) -> list[SourceRow]:
    """Every source that has a snapshot, with its freshness."""
    conditions, bound = _conditions(project, None)
    sql = f"""
    SELECT p.name AS project, g.source, g.snapshots, g.files, g.rows, g.quarantined, g.newest,
      (SELECT count(*) FROM quarantined_row q JOIN snapshot s ON s.id = q.snapshot_id
       WHERE s.project_id = g.project_id AND s.source = g.source AND q.state = 'open') AS quarantined_open,
      last.watermark, last.created_at AS refreshed_at, last.digest, last.key AS snapshot
    FROM (SELECT s.project_id, s.source, count(*) AS snapshots,
            sum(CASE WHEN {_STANDS} THEN s.rows ELSE 0 END) AS rows,
            sum(CASE WHEN {_STANDS} THEN s.quarantined ELSE 0 END) AS quarantined,
            max(s.time_to) AS newest, max(s.id) AS last_id,
            (SELECT count(*) FROM source_file f WHERE f.project_id = s.project_id AND f.source = s.source) AS files
          FROM snapshot s JOIN project p ON p.id = s.project_id {where(conditions)}
          GROUP BY s.project_id, s.source) g
    JOIN project p ON p.id = g.project_id JOIN snapshot last ON last.id = g.last_id
    ORDER BY p.name, g.source"""  # noqa: S608
    return made(SourceRow, reader.rows(sql, bound))


def files_of(reader: Reader, *, project: str, source: str | None = None, limit: int = 200) -> list[SourceFileRow]:
    """The raw files that were taken in, newest first."""
    conditions, bound = _conditions(project, source)
    sql = f"""SELECT s.key AS snapshot, s.source, f.path, f.digest, f.size_bytes, f.rows
        FROM source_file f JOIN snapshot s ON s.id = f.snapshot_id JOIN project p ON p.id = s.project_id
        {where(conditions)} ORDER BY f.id DESC LIMIT :limit"""  # noqa: S608
    return made(SourceFileRow, reader.rows(sql, {**bound, "limit": limit}))


def quarantined_rows(
    reader: Reader,
    *,
    project: str | None = None,
    source: str | None = None,
    snapshot: str | None = None,
    rule: str | None = None,
    state: str | None = None,
    after_id: int = 0,
    limit: int = 100,
    reveal: bool = False,
) -> list[QuarantineRow]:
    """A page of rows in quarantine, in the order they came; `after_id` continues after a page.

    Values of private columns are hidden; only the service that records who asked for them says `reveal`.
    """
    conditions, bound = _conditions(project, source)
    conditions.append("q.id > :after_id")
    if snapshot is not None:
        conditions.append("s.key = :snapshot")
        bound["snapshot"] = snapshot
    if rule is not None:
        conditions.append("q.rule = :rule")
        bound["rule"] = rule
    if state is not None:
        conditions.append("q.state = :state")
        bound["state"] = state
    sql = f"""SELECT q.id, p.name AS project, s.source, s.key AS snapshot, q.file, q.row_number, q.rule, q.reason,
        q.content, q.state, q.repairs, t.key AS released_in, q.decided_by, q.decided_at
        FROM quarantined_row q JOIN snapshot s ON s.id = q.snapshot_id LEFT JOIN snapshot t ON t.id = q.released_in
        JOIN project p ON p.id = s.project_id {where(conditions)} ORDER BY q.id LIMIT :limit"""  # noqa: S608
    found = made(QuarantineRow, reader.rows(sql, {**bound, "after_id": after_id, "limit": limit}))
    if reveal:
        return found
    private = {one: private_columns(reader, *one) for one in {(row.project, row.source) for row in found}}
    return [_masked(row, private[row.project, row.source]) for row in found]


def _masked(row: QuarantineRow, private: frozenset[str]) -> QuarantineRow:
    content, repairs = (masked(values, private, row.rule) for values in (row.content, row.repairs))
    return replace(row, content=content, repairs=repairs)


def counts_by_rule(
    reader: Reader, *, project: str | None = None, source: str | None = None, snapshot: str | None = None
) -> list[RuleCount]:
    """How many rows each rule turned away, most first."""
    conditions, bound = _conditions(project, source)
    if snapshot is not None:
        conditions.append("s.key = :snapshot")
        bound["snapshot"] = snapshot
    sql = f"""SELECT s.source, q.rule, count(*) AS rows,
        sum(CASE WHEN q.state = 'open' THEN 1 ELSE 0 END) AS open, min(q.reason) AS example
        FROM quarantined_row q JOIN snapshot s ON s.id = q.snapshot_id JOIN project p ON p.id = s.project_id
        {where(conditions)} GROUP BY s.source, q.rule ORDER BY count(*) DESC, q.rule"""  # noqa: S608
    return made(RuleCount, reader.rows(sql, bound))


def _conditions(project: str | None, source: str | None) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    bound: dict[str, Any] = {}
    if project is not None:
        conditions.append("p.name = :project")
        bound["project"] = project
    if source is not None:
        conditions.append("s.source = :source")
        bound["source"] = source
    return conditions, bound
