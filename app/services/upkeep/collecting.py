"""Garbage collection: what nothing needs any more, shown with why each other thing is kept, before anything goes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, Table, delete, select
from sqlmodel import Session, col

from app.services.workspaces import now as clock
from app.store import audit
from app.store.engine import Store
from app.store.tables import Artifact, Chunk, metadata

YOUNG = timedelta(hours=1)
"""What was written so recently may be about to be named by the transaction that needs it."""
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_NEVER_NAMES = {"artifact", "chunk", "log_line", "metric", "metric_point", "resource_sample", "task", "audit_event"}
"""Tables whose texts are told to people, or hold no names of artifacts."""
HISTORIES = (("metric history", "metric_point"), ("log", "log_line"), ("resource trace", "resource_sample"))


@dataclass(frozen=True)
class Thing:
    """Something that the store holds: its kind, its name, its bytes (or rows), and why it stays or may go."""

    kind: str
    key: str
    size_bytes: int
    rows: int
    why: str


@dataclass(frozen=True)
class Plan:
    """What may go, and what stays."""

    free: tuple[Thing, ...]
    kept: tuple[Thing, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the artifacts that may go."""
        return sum(thing.size_bytes for thing in self.free)

    @property
    def rows(self) -> int:
        """Rows of the histories that may go."""
        return sum(thing.rows for thing in self.free)

    def reasons(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Kind and reason of what is kept, with how many things and how many bytes."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for thing in self.kept:
            count, size = found.get((thing.kind, thing.why), (0, 0))
            found[(thing.kind, thing.why)] = (count + 1, size + thing.size_bytes)
        return found


def plan(store: Store, *, now: datetime | None = None) -> Plan:
    """What a collection would free, and why it keeps the rest; nothing is changed."""
    with store.read() as session:
        return _plan(session, now or clock())


def collect(store: Store, *, by: str, now: datetime | None = None) -> Plan:
    """Free what nothing needs, in one transaction that looks again at everything first; gives what went.

    Artifacts that no row names go with their chunks; of archived runs that nothing came from go the metric history
    (the latest values stay), the log and the resource trace. Rows of runs, snapshots, features and models never go.
    """
    moment = now or clock()
    if not plan(store, now=moment).free:
        return plan(store, now=moment)
    with store.write(durable=True) as session:
        found = _plan(session, moment)
        connection = session.connection()
        digests = [thing.key for thing in found.free if thing.kind == "artifact"]
        for start in range(0, len(digests), 500):
            part = digests[start : start + 500]
            connection.execute(delete(Chunk).where(col(Chunk.artifact).in_(part)))
            connection.execute(delete(Artifact).where(col(Artifact.digest).in_(part)))
        archived = connection.exec_driver_sql("SELECT key, id FROM run WHERE archived_at IS NOT NULL")
        ids = {str(key): int(number) for key, number in archived}
        tables = dict(HISTORIES)
        for thing in found.free:
            if thing.kind in tables:
                table = metadata.tables[tables[thing.kind]]
                connection.execute(delete(table).where(table.c.run_id == ids[thing.key]))
        audit.record(
            session,
            actor=by,
            action="store.collected",
            subject="store",
            now=moment,
            details={"artifacts": len(digests), "bytes": found.size_bytes, "rows": found.rows,
                     "things": [f"{thing.kind} {thing.key}" for thing in found.free[:1000]]},
        )  # fmt: skip
        return found


def _plan(session: Session, now: datetime) -> Plan:
    things = [*_artifacts(session, now), *_histories(session), *_features(session)]
    return Plan(tuple(thing for thing, goes in things if goes), tuple(thing for thing, goes in things if not goes))


def _artifacts(session: Session, now: datetime) -> Iterator[tuple[Thing, bool]]:
    named = _named_by_keys(session)
    rows = session.connection().execute(
        select(col(Artifact.digest), col(Artifact.size_bytes), col(Artifact.kind), col(Artifact.created_at))
    )
    unnamed = []
    for digest, size, kind, created in rows:
        if digest in named:
            yield Thing("artifact", digest, size, 0, named[digest]), False
        elif created > now - YOUNG:
            yield Thing("artifact", digest, size, 0, "younger than an hour"), False
        else:
            unnamed.append((digest, size, kind))
    mentioned = _mentioned(session) if unnamed else {}
    for digest, size, kind in unnamed:
        if digest in mentioned:
            yield Thing("artifact", digest, size, 0, mentioned[digest]), False
        else:
            yield Thing("artifact", digest, size, 0, f"no row names this {kind}"), True


def _tables() -> Iterator[Table]:
    yield from metadata.sorted_tables


def _named_by_keys(session: Session) -> dict[str, str]:
    """Digests that a foreign key names, with the first table and column that does."""
    found: dict[str, str] = {}
    for table in _tables():
        for column in table.columns:
            if table.name != "chunk" and any(key.column.table.name == "artifact" for key in column.foreign_keys):
                for (digest,) in session.connection().execute(select(column).where(column.is_not(None)).distinct()):
                    found.setdefault(digest, f"{column.name} of a {table.name}")
    return found


def _mentioned(session: Session) -> dict[str, str]:
    """Digests that stand anywhere in a text of a row: in a list of views, in a manifest's name, in parameters."""
    found: dict[str, str] = {}
    for table in _tables():
        if table.name in _NEVER_NAMES:
            continue
        for column in table.columns:
            if isinstance(column.type, String):  # times and words are types of their own
                for (text,) in session.connection().execute(select(column).where(column.is_not(None))):
                    for digest in _DIGEST.findall(text):
                        found.setdefault(digest, f"mentioned in {column.name} of a {table.name}")
    return found


_OWN = {
    "task",
    "parameter",
    "metric",
    "run_tag",
    "run_note",
    "run_artifact",
    "admission",
    "estimate",
    *(name for _, name in HISTORIES),
}
"""Tables that hold the run itself; a row of any other table that names it came from it."""


def _born(history: str) -> str:
    """The query of runs with a history, and why it stays: the first table with a row that came from the run."""
    reasons = [
        f"WHEN EXISTS (SELECT 1 FROM {table.name} WHERE {column.name} = r.id) THEN 'named by a row of {table.name}'"  # noqa: S608
        for table in _tables()
        if table.name not in _OWN
        for column in table.columns
        if any(key.column.table.name == "run" for key in column.foreign_keys)
    ]
    return f"""SELECT r.key, r.id, CASE WHEN r.archived_at IS NULL THEN 'its run is not archived'
        {" ".join(reasons)} ELSE '' END AS why FROM run r WHERE r.id IN (SELECT DISTINCT run_id FROM {history})"""  # noqa: S608


def _histories(session: Session) -> Iterator[tuple[Thing, bool]]:
    """History, log and trace of each run that has one."""
    connection = session.connection()
    for kind, name in HISTORIES:
        counts: Mapping[int, int] = {
            int(run): int(rows)
            for run, rows in connection.exec_driver_sql(f"SELECT run_id, count(*) FROM {name} GROUP BY run_id")  # noqa: S608
        }
        for key, number, why in connection.exec_driver_sql(_born(name)):
            rows = counts[int(number)]
            yield Thing(kind, str(key), 0, rows, why or "its run is archived and nothing came from it"), not why


def _features(session: Session) -> Iterator[tuple[Thing, bool]]:
    """Published versions of features always stay; this says who needs them."""
    sql = """SELECT p.name || '/v' || f.version, (SELECT count(*) FROM model_version v WHERE v.feature_set_id = f.id)
        FROM feature_set f JOIN project p ON p.id = f.project_id ORDER BY p.name, f.version"""
    for key, models in session.connection().exec_driver_sql(sql):
        why = "a model version was trained on it" if models else "it was published"
        yield Thing("features", str(key), 0, 0, why), False


__all__ = ["Plan", "Thing", "collect", "plan"]
