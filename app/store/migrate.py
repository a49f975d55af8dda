"""Bringing a store to the newest schema: under a lock, after a backup, all of it or nothing."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from app.domain.errors import Busy, Damaged, Refused, TrainmasterError
from app.store.engine import WRITE, Store
from app.store.faults import explained
from app.store.migrations import HEAD, REVISIONS

LOCK_TIMEOUT_S = 60.0
ADVISORY_LOCK = 0x7472_6D61  # "trma", PostgreSQL's name for our lock


def migrate(store: Store, *, now: datetime | None = None, to: str | None = None) -> None:
    """Create the schema or bring it to the newest revision; one small read when there is nothing to do.

    A store with content is backed up into `backups/` beside it first; `to` stops at an older revision (for drafts and
    tests). Raises Refused for a store of a newer Trainmaster or of something else, Damaged for a broken file, Busy when
    another process migrates for a minute.
    """
    if _needs_work(store) is None:
        return
    with _lock(store):
        revision = _needs_work(store)
        if revision is None:
            return
        if revision and store.file is not None:
            _keep_old(store.file, revision, now or datetime.now(UTC))
        _upgrade(store, to or "head")


def revision_of(store: Store) -> str:
    """The revision of a store's schema, or nothing for an empty one; raises Refused when it is not a store of ours."""
    if store.file is not None:
        tables = {row["name"] for row in store.reader.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    else:
        from sqlalchemy import inspect

        tables = set(inspect(store.engine).get_table_names())
    if "alembic_version" in tables:
        return str(store.reader.value("SELECT version_num FROM alembic_version") or "")
    if tables:
        raise Refused(
            "this database has tables but no revision: Trainmaster did not make it",
            where=str(store.file or store.engine.url),
            next_step="move it away, or name another database in trainmaster.toml",
        )
    return ""


def _needs_work(store: Store) -> str | None:
    """The revision to upgrade from (empty for a new store), or None when it is the newest."""
    revision = revision_of(store)
    if revision == HEAD:
        return None
    if revision and revision not in REVISIONS:
        raise Refused(
            f"the store has revision {revision}, this Trainmaster knows {HEAD}: a newer one made it",
            where=str(store.file or store.engine.url),
            next_step="pip install --upgrade trainmaster",
        )
    return revision


@contextlib.contextmanager
def _lock(store: Store) -> Iterator[None]:
    """One migration at a time: a lock on a file beside the store, which the kernel frees when its holder dies."""
    if store.file is None:
        with store.engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            try:
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
        return
    with exclusive(store.file):
        yield


@contextlib.contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold the lock that goes with a store's file; raises Busy after a minute, Refused when the folder is closed."""
    path = file.with_name(file.name + ".lock")
    try:
        stream = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "a")
    except OSError as error:
        raise Refused(
            f"the store's folder may not be written: {error.strerror or error}",
            where=str(path.parent),
            next_step=f"chmod u+w {path.parent}",
        ) from error
    with stream:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(
                        "another process is migrating or restoring the store", next_step="wait for it, then try again"
                    ) from None
                time.sleep(0.02)
        yield


def _keep_old(file: Path, revision: str, now: datetime) -> None:
    from app.store.backups import copy_database

    folder = file.parent / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    copy_database(file, folder / f"store-{now:%Y%m%dT%H%M%SZ}-before-{HEAD}-from-{revision}.db")


def _upgrade(store: Store, to: str) -> None:
    """Run the missing revisions in one transaction; an error leaves the old schema as it was."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from app.store.tables import metadata

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    with (
        EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs(to, revision)) as environment,
        store.engine.connect() as connection,
    ):
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if store.is_sqlite:  # tables that are made anew would take their dependants with them
            raw.cursor().execute("PRAGMA foreign_keys=OFF").close()
        try:
            connection = connection.execution_options(**{WRITE: True})
            with connection.begin():
                environment.configure(
                    connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True
                )
                environment.run_migrations()
                if store.is_sqlite:
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                    if broken:
                        raise Damaged(
                            f"the migration would leave {len(broken)} broken references; the old store was kept",
                            next_step="trainmaster store fsck",
                        )
        except TrainmasterError:
            raise
        except Exception as error:
            told = explained(str(error), str(store.file)) if store.file is not None else None
            raise told or Damaged(
                f"the migration failed, the old store was kept: {type(error).__name__}: {str(error).splitlines()[0]}",
                where=str(store.file or store.engine.url),
                next_step="report it with the backup in .trainmaster/backups",
            ) from error
        finally:
            if store.is_sqlite:
                raw.cursor().execute("PRAGMA foreign_keys=ON").close()
