"""`fsck`: every promise of the store, checked from its rows and from the names of files."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col

from app.domain.errors import TrainmasterError
from app.domain.states import RunState
from app.services import audit
from app.services.upkeep.completeness import gaps_of_runs, models_of_unknown_origin
from app.services.workspaces import now as clock
from app.store import leases, ledger
from app.store.artifacts import CHUNK_BYTES
from app.store.engine import Store
from app.store.tables import Run

RESTORE = "trainmaster store restore BACKUP"
HEAL = "trainmaster up"


@dataclass(frozen=True)
class Problem:
    """One broken promise: the thing, what is wrong with it, and the next command."""

    thing: str
    says: str
    next_step: str


@dataclass(frozen=True)
class Report:
    """What `fsck` found; `checked` counts what it looked at."""

    ok: bool
    problems: tuple[Problem, ...]
    checked: dict[str, int]


Check = Callable[[Session], Iterator[Problem]]


def fsck(store: Store, features: Path, *, now: datetime | None = None) -> Report:
    """Check everything in one consistent view of the store; `features` is the folder of the Delta tables.

    Looks at SQLite's pages and references, digests and chunks, production and deployments, leases, tasks, metrics,
    the record of each completed run, the origin of each model, the books of snapshots, Delta versions and the audit
    chain. A check that cannot run is itself a problem.
    """
    moment = now or clock()
    checked: dict[str, int] = {}
    checks: list[Check] = [
        lambda session: _artifacts(session, checked),
        _production,
        _deployments,
        lambda session: _runs(session, moment, checked),
        _tasks,
        _history,
        lambda session: _origins(session, store),
        _numbers,
        lambda session: _books(session, checked),
        lambda session: _delta_versions(session, features, checked),
    ]
    if store.is_sqlite:
        checks.insert(0, _pages)
    problems: list[Problem] = []
    with store.read() as session:
        for check in checks:
            problems += _tried(check, session)
    if any(problem.thing.startswith("run:") for problem in problems):  # a run may have ended while we looked
        with store.read() as session:
            still = {*_tried(lambda again: _runs(again, moment, checked), session), *_tried(_tasks, session)}
        problems = [problem for problem in problems if not problem.thing.startswith("run:") or problem in still]
    try:
        verdict = audit.verify(store)
    except TrainmasterError as error:
        problems.append(Problem("audit", error.message, error.next_step or RESTORE))
    else:
        checked["events"] = verdict.events
        problems += [Problem("audit", says, RESTORE) for says in verdict.problems]
    return Report(not problems, tuple(problems), checked)


def _tried(check: Check, session: Session) -> list[Problem]:
    found: list[Problem] = []
    try:
        for problem in check(session):
            found.append(problem)  # noqa: PERF402  what was found before a failure counts
    except DatabaseError as error:
        found.append(Problem("store", f"a check cannot read the store: {error.orig}", RESTORE))
    return found


def _rows(session: Session, sql: str) -> Iterator[tuple[object, ...]]:
    for row in session.connection().exec_driver_sql(sql):
        yield tuple(row)


def _pages(session: Session) -> Iterator[Problem]:
    for (says,) in _rows(session, "PRAGMA integrity_check(20)"):
        if says != "ok":
            yield Problem("store", f"SQLite found: {says}", RESTORE)
    for table, row, parent, _ in _rows(session, "PRAGMA foreign_key_check"):
        yield Problem(f"{table}:{row}", f"row {row} of {table} refers to a row of {parent} that is not there", RESTORE)


def _artifacts(session: Session, checked: dict[str, int]) -> Iterator[Problem]:
    connection = session.connection()
    known = [
        (str(digest), int(str(size))) for digest, size in _rows(session, "SELECT digest, size_bytes FROM artifact")
    ]
    checked["artifacts"] = len(known)
    for digest, size in known:
        seen, length, problem = hashlib.sha256(), 0, ""
        chunks = connection.exec_driver_sql(
            "SELECT ordinal, content FROM chunk WHERE artifact = ? ORDER BY ordinal"
            if connection.dialect.name == "sqlite"
            else "SELECT ordinal, content FROM chunk WHERE artifact = %s ORDER BY ordinal",
            (digest,),
        )
        for expected, (ordinal, content) in enumerate(chunks):
            if ordinal != expected and not problem:
                problem = f"chunk {expected} is missing"
            if not isinstance(content, bytes):
                problem = problem or f"chunk {ordinal} is not bytes"
                continue
            if length % CHUNK_BYTES and not problem:
                problem = f"chunk {expected - 1} is short"
            seen.update(content)
            length += len(content)
        if not problem and length != size:
            problem = f"{length} bytes are there, {size} should be"
        if not problem and seen.hexdigest() != digest:
            problem = "its bytes were changed"
        if problem:
            yield Problem(f"artifact:{digest[:12]}", f"artifact {digest[:12]}: {problem}", RESTORE)


def _production(session: Session) -> Iterator[Problem]:
    sql = """SELECT m.name, count(*) FROM model_version v JOIN model m ON m.id = v.model_id
        WHERE v.stage = 'production' GROUP BY m.name HAVING count(*) > 1 ORDER BY m.name"""
    for name, count in _rows(session, sql):
        yield Problem(
            f"model:{name}", f"{count} versions of {name} are in production", f"trainmaster models show {name}"
        )


def _deployments(session: Session) -> Iterator[Problem]:
    several = """SELECT p.name, count(*) FROM deployment d JOIN project p ON p.id = d.project_id
        WHERE d.state = 'active' GROUP BY p.name HAVING count(*) > 1 ORDER BY p.name"""
    for name, count in _rows(session, several):
        yield Problem(f"project:{name}", f"{count} deployments of {name} are active", f"trainmaster models show {name}")
    astray = """SELECT d.key, m.name, v.version, v.stage FROM deployment d JOIN model_version v ON v.id = d.version_id
        JOIN model m ON m.id = v.model_id WHERE d.state = 'active' AND v.stage <> 'production' ORDER BY d.key"""
    for key, name, version, stage in _rows(session, astray):
        yield Problem(
            f"deployment:{key}",
            f"requests are answered by {name} v{version}, which is {stage} and not in production",
            f"trainmaster models show {name}",
        )
    unserved = """SELECT m.name, v.version FROM model_version v JOIN model m ON m.id = v.model_id
        WHERE v.stage = 'production' AND NOT EXISTS (
          SELECT 1 FROM deployment d WHERE d.version_id = v.id AND d.state = 'active') ORDER BY m.name"""
    for name, version in _rows(session, unserved):
        yield Problem(
            f"model:{name}/{version}",
            f"{name} v{version} is in production and no active deployment points to it",
            f"trainmaster models show {name}",
        )


def _runs(session: Session, now: datetime, checked: dict[str, int]) -> Iterator[Problem]:
    checked["runs"] = int(session.connection().exec_driver_sql("SELECT count(*) FROM run").scalar_one())
    statement = select(col(Run.key)).where(col(Run.state) == RunState.RUNNING).order_by(col(Run.id))
    for key in session.execute(statement).scalars().all():
        lease = leases.find(session, ledger.RUN_LEASE, key)
        if lease is None or not leases.is_live(lease, now):
            yield Problem(f"run:{key}", f"run {key} says running and its process is gone", HEAL)


def _tasks(session: Session) -> Iterator[Problem]:
    sql = """SELECT r.key, t.name, r.state FROM task t JOIN run r ON r.id = t.run_id
        WHERE t.state = 'running' AND r.state NOT IN ('running', 'requested') ORDER BY t.id"""
    for key, name, state in _rows(session, sql):
        yield Problem(f"run:{key}", f"run {key} is {state} and its task {name} says running", HEAL)


def _history(session: Session) -> Iterator[Problem]:
    for key, says in gaps_of_runs(session.connection()):
        yield Problem(f"record:{key}", says, f"trainmaster runs show {key}")


def _origins(session: Session, store: Store) -> Iterator[Problem]:
    for key, says in models_of_unknown_origin(session.connection(), store.reader):
        yield Problem(f"model:{key}", says, f"trainmaster lineage model:{key}")


def _numbers(session: Session) -> Iterator[Problem]:
    wrong = "(value IS NULL) = (special IS NULL) OR coalesce(special, 'nan') NOT IN ('nan', 'inf', '-inf')"
    if session.connection().dialect.name == "sqlite":
        wrong += " OR typeof(value) NOT IN ('real', 'integer', 'null')"
    for table, name in (("metric", "key"), ("metric_point", "key"), ("signal", "name")):
        for key, count in _rows(session, f"SELECT {name}, count(*) FROM {table} WHERE {wrong} GROUP BY {name}"):  # noqa: S608
            yield Problem(f"{table}:{key}", f"{count} rows of {table} {key} have no single number", RESTORE)


def _books(session: Session, checked: dict[str, int]) -> Iterator[Problem]:
    sql = """SELECT s.key, s.source, s.rows_in, s.rows, s.quarantined, (
          SELECT count(*) FROM quarantined_row q LEFT JOIN snapshot t ON t.id = q.released_in
          WHERE q.snapshot_id = coalesce(s.parent_id, s.id)
            AND (s.parent_id IS NULL OR q.released_in IS NULL OR t.id > s.id)) FROM snapshot s ORDER BY s.id"""
    checked["snapshots"] = 0
    for key, source, *counts in _rows(session, sql):
        checked["snapshots"] += 1
        rows_in, rows, quarantined, kept = (int(str(count)) for count in counts)
        if rows_in != rows + quarantined:
            says = (
                f"snapshot {key} of {source}: {rows_in} in, {rows} accepted, {quarantined} quarantined do not balance"
            )
            yield Problem(f"snapshot:{key}", says, RESTORE)
        if quarantined != kept:
            says = f"snapshot {key} of {source}: {quarantined} rows went to quarantine, {kept} are there"
            yield Problem(f"snapshot:{key}", says, RESTORE)


def _delta_versions(session: Session, features: Path, checked: dict[str, int]) -> Iterator[Problem]:
    sql = """SELECT p.name, f.version, f.views FROM feature_set f JOIN project p ON p.id = f.project_id
        ORDER BY p.name, f.version"""
    checked["feature_sets"] = 0
    for project, version, views in _rows(session, sql):
        checked["feature_sets"] += 1
        try:
            tables = {(str(view["table"]), int(view["version"])) for view in json.loads(str(views)).values()}
        except (ValueError, KeyError, TypeError, AttributeError):
            yield Problem(
                f"features:{project}/v{version}", f"features {project}/v{version} has no list of views", RESTORE
            )
            continue
        for table, number in sorted(tables):
            log = features / str(project) / table / "_delta_log"
            if not any((log / f"{number:020d}{end}").is_file() for end in (".json", ".checkpoint.parquet")):
                yield Problem(
                    f"features:{project}/v{version}",
                    f"features {project}/v{version}: version {number} of its table {table} is missing",
                    f"trainmaster features build --project {project}",
                )
