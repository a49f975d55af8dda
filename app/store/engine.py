"""Opening the store, and the two ways to use it: a short write, or a read."""

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, StatementError
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session

from app.domain.errors import BadInput, Refused, TrainmasterError
from app.store.faults import explained, explained_elsewhere
from app.store.permits import MAY
from app.store.reader import SQLITE, Reader
from app.store.tables.base import Table

BUSY_TIMEOUT_MS = 15_000
FIRST_LOOK_S, LOOKS_S = 0.001, (0.005, 0.02)
"""When a writer that finds another at work looks again."""
WRITE = "trainmaster_write"
DURABLE = "trainmaster_durable"
WRITE_LOCK = 0x7472_6D77  # "trmw", PostgreSQL's name for the one writer


class Store:
    """The only state that processes share: SQLite in WAL mode, or PostgreSQL by URL.

    >>> import tempfile
    >>> from app.store.migrate import migrate
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store.of_file(Path(folder.name) / "store.db")
    >>> migrate(store)
    >>> with store.read() as session:
    ...     session.connection().exec_driver_sql("PRAGMA foreign_keys").scalar_one()
    1
    >>> store.close(); folder.cleanup()
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith(SQLITE)
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(**{WRITE: True})
        self._durable_writer = self._engine.execution_options(**{WRITE: True, DURABLE: True})
        self.reader = Reader.of_url(url)
        self.may: Callable[[str, str], None] | None = None
        """Refuses what somebody (name, action of the audit log) may not do; without it everybody may everything."""

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """The SQLite store in `file`; the folder is made with mode 0700, the file with 0600. Raises Refused."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):
                # never opened when it is there: closing any handle of a file drops all locks that SQLite holds on it
                # in this process, and another process may then take the log away from under it
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise Refused(
                f"the store cannot be made: {error.strerror or error}",
                where=str(file),
                next_step=f"make {file.parent} writable, or choose another folder with --workspace",
            ) from error
        return cls(f"{SQLITE}{file}")

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None for another database."""
        return Path(self.url.removeprefix(SQLITE)) if self.is_sqlite else None

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for migrations and bulk paths."""
        return self._engine

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Session]:
        """One short write transaction, serialised with all others; commits at the end or leaves nothing.

        `durable` waits for the disk (promotion, audit); without it a power cut, but no crash, may lose the last
        moments. Raises Busy when another writer holds the store for longer than 15 s, Damaged or Refused when the
        file is broken or may not be written, BadInput for a row that does not fit its table.
        """
        writer = self._durable_writer if durable else self._writer
        with Session(writer, expire_on_commit=False, info={MAY: self.may}) as session:
            try:
                yield session
                session.commit()
            except DatabaseError as error:
                session.rollback()
                told = self._explained(error)
                raise (told or error) from error
            except StatementError as error:  # a column type refused a value of a bulk insert
                if isinstance(error.orig, ValueError):
                    raise BadInput(str(error.orig), where="a row of the store") from error
                raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing can be written through it."""
        with Session(self._engine, expire_on_commit=False, autoflush=False, info={MAY: self.may}) as session:
            try:
                yield session
            except DatabaseError as error:
                told = self._explained(error)
                raise (told or error) from error
            finally:
                session.expunge_all()  # rows stay readable after the session has ended
                session.rollback()

    def _explained(self, error: DatabaseError) -> TrainmasterError | None:
        if self.is_sqlite:
            return explained(str(error.orig), self.url.removeprefix(SQLITE))
        return explained_elsewhere(str(error.orig), str(getattr(error.orig, "sqlstate", None) or ""))

    def close(self) -> None:
        """Give back every connection."""
        self.reader.close()
        self._engine.dispose()


def _engine(url: str) -> Engine:
    sqlite = url.startswith(SQLITE)
    arguments: dict[str, Any] = {"timeout": BUSY_TIMEOUT_MS / 1000} if sqlite else {}
    # a file's name is taken as it is: "?" and "#" in it start no query
    address: URL | str = URL.create("sqlite", database=url.removeprefix(SQLITE)) if sqlite else url
    engine = create_engine(address, connect_args=arguments, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _on_begin_postgresql)
    return engine


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the "begin" event decides how a transaction starts
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=NORMAL",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(WRITE):
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.exec_driver_sql("BEGIN DEFERRED")
        return
    connection.exec_driver_sql("PRAGMA query_only=OFF")
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get(DURABLE) else 'NORMAL'}")
    if not _begun_in_turn(connection.connection.driver_connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begun_in_turn(connection: Any) -> bool:
    """Begin to write once no other writes; False when that took too long.

    SQLite looks again ever more seldom (up to 100 ms), so of many writers those that have waited longest come last, and
    some never. Here all look equally often, at odd moments.
    """
    until, pause_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000, FIRST_LOOK_S
    connection.execute("PRAGMA busy_timeout=0").close()
    try:
        while time.monotonic() < until:
            try:
                connection.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False  # asked again the usual way, which explains it
                time.sleep(pause_s)
                pause_s = random.uniform(*LOOKS_S)  # noqa: S311 - no secret hangs on it
            else:
                return True
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()


def _on_begin_postgresql(connection: Connection) -> None:
    """Writers one after the other, as on SQLite; a reader sees one moment, and cannot write."""
    options = connection.get_execution_options()
    if not options.get(WRITE):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}")
    connection.exec_driver_sql(f"SET LOCAL synchronous_commit = {'on' if options.get(DURABLE) else 'off'}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


@event.listens_for(Session, "before_flush")
def _validate(session: Session, _context: UOWTransaction, _instances: object) -> None:
    """SQLModel does not validate rows of tables; nothing unvalidated reaches the database through a session."""
    for row in (*session.new, *session.dirty):
        if isinstance(row, Table):
            _check(row)


def _check(row: Table) -> None:
    values = row.model_dump(warnings=False)
    for name, value in values.items():
        if isinstance(value, datetime) and value.tzinfo is None:
            raise BadInput(f"{value.isoformat()} has no time zone", where=f"{row.__tablename__}.{name}")
    try:
        type(row).model_validate(values, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        column = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{str(first.get('input'))[:80]!r}: {first['msg']}", where=f"{row.__tablename__}.{column}"
        ) from None
