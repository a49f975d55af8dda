"""Backups of the store, and putting one back."""

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.errors import Busy, NotFound, Refused, TrainmasterError
from app.domain.workspace import Workspace
from app.services.workspaces import now as clock
from app.store import leases
from app.store.backups import copy_database, require_digest, require_whole, sync_folder
from app.store.engine import Store
from app.store.faults import explained
from app.store.migrate import exclusive
from app.store.migrations import HEAD, REVISIONS
from app.store.moments import parse_utc
from app.store.queries import infrastructure
from app.store.reader import Reader
from app.store.tables import Lease


@dataclass(frozen=True)
class Backup:
    """A whole copy of the store, with the digest that stands beside it."""

    file: str
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Restored:
    """A store that was put back, and where the one before it is."""

    source: str
    store: str
    kept_aside: str | None
    revision: str


def next_backup(workspace: Workspace, *, now: datetime | None = None) -> Path:
    """A name in `.trainmaster/backups` that is not taken."""
    return _free(workspace.backups, f"store-{now or clock():%Y%m%dT%H%M%SZ}")


def backup(store: Store, target: Path) -> Backup:
    """Write a checked copy of the store, consistent while others write; complete or absent.

    Raises Refused when the target exists or cannot be written, Damaged when the store does not pass SQLite's check.
    """
    if store.file is None:
        raise Refused("this store is not a file", next_step="pg_dump")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = copy_database(store.file, target)
    return Backup(str(target), target.stat().st_size, digest)


def restore(workspace: Workspace, source: Path, *, now: datetime | None = None) -> Restored:
    """Put a backup in the place of the store; the old store is kept in `.trainmaster/backups`.

    Raises NotFound, Damaged or Refused when the file is missing, broken or not ours, Busy while services or runs live.
    The exchange is one rename: a crash leaves the old store or the new one.
    """
    moment = now or clock()
    revision = _require_ours(source)
    file = workspace.store_file
    workspace.backups.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive(file):
        if file.exists() and file.samefile(source):
            raise Refused("this file is the store itself", next_step="trainmaster store restore BACKUP")
        _require_idle(file, moment)
        arriving = file.with_name(f".{file.name}.{os.getpid()}.restore")
        arriving.unlink(missing_ok=True)
        try:
            copy_database(source, arriving)
            kept = _set_aside(workspace, file, moment) if file.exists() else None
            arriving.replace(file)
            sync_folder(file.parent)
        finally:
            arriving.unlink(missing_ok=True)
            arriving.with_name(arriving.name + ".sha256").unlink(missing_ok=True)
    return Restored(str(source), str(file), str(kept) if kept else None, revision)


def _require_ours(source: Path) -> str:
    if not source.is_file():
        raise NotFound(f"there is no backup {source}", next_step="ls .trainmaster/backups")
    require_digest(source)
    require_whole(source)
    reader = Reader.of_file(source)
    try:
        tables = {str(row["name"]) for row in reader.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        revision = str(reader.value("SELECT version_num FROM alembic_version")) if "alembic_version" in tables else ""
    finally:
        reader.close()
    if not {"run", "audit_event", "artifact"} <= tables or not revision:
        raise Refused("this database is not a Trainmaster store", where=str(source), next_step="use another file")
    if revision not in REVISIONS:
        raise Refused(
            f"the backup has revision {revision}, this Trainmaster knows {HEAD}: a newer one made it",
            where=str(source),
            next_step="pip install --upgrade trainmaster",
        )
    return revision


def _require_idle(file: Path, now: datetime) -> None:
    """Raise Busy while a living process holds a lease; a store too broken to be asked has nobody to protect."""
    if not file.exists() or file.stat().st_size == 0:
        return
    reader = Reader.of_file(file)
    try:
        held = infrastructure.leases(reader)
    except (TrainmasterError, sqlite3.DatabaseError):
        return
    finally:
        reader.close()
    for row in held:
        lease = Lease(
            kind=row.kind,
            key=row.key,
            boot_id=row.boot_id,
            pid=row.pid,
            process_started=row.process_started,
            expires_at=parse_utc(row.expires_at),
        )
        if leases.is_live(lease, now) and row.pid != os.getpid():
            raise Busy(f"{row.kind} {row.key} lives (process {row.pid})", next_step="trainmaster down")


def _set_aside(workspace: Workspace, file: Path, now: datetime) -> Path:
    """Give the old store a second name in the backups; its log is folded in first, or goes with it."""
    kept = _free(workspace.backups, f"store-{now:%Y%m%dT%H%M%SZ}-replaced")
    try:
        connection = sqlite3.connect(file, timeout=5)
        try:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()  # fails while anybody else has it open
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        told = explained(str(error), str(file))
        if isinstance(told, Busy):
            raise Busy("another process has the store open", next_step="trainmaster down") from error
    kept.hardlink_to(file)
    for end in ("-wal", "-shm"):
        rest = file.with_name(file.name + end)
        with contextlib.suppress(FileNotFoundError):
            rest.rename(kept.with_name(kept.name + end))
    sync_folder(kept.parent)
    return kept


def _free(folder: Path, stem: str) -> Path:
    candidate, number = folder / f"{stem}.db", 2
    while candidate.exists():
        candidate, number = folder / f"{stem}-{number}.db", number + 1
    return candidate
