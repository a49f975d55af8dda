"""Read queries in plain SQL: light enough for the first frame of a screen, the same text on SQLite and PostgreSQL."""

import sqlite3
import threading
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from app.domain.errors import NotFound
from app.store.faults import explained, explained_elsewhere

Row = dict[str, Any]
SQLITE = "sqlite:///"


class Reader:
    """Runs SQL with named parameters (`:name`) and gives rows as dictionaries; it cannot write.

    One connection a thread. Times come as ISO 8601 text in UTC, as they are stored.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "x.db"
    ...     sqlite3.connect(file).close()
    ...     reader = Reader.of_file(file)
    ...     rows = reader.rows("SELECT :a + 1 AS b", {"a": 1})
    ...     reader.close()
    >>> rows
    [{'b': 2}]
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._file = url.removeprefix(SQLITE) if url.startswith(SQLITE) else None
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._engine: Any = None

    @classmethod
    def of_url(cls, url: str) -> Self:
        """A reader of the database at an SQLAlchemy URL."""
        return cls(url)

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """A reader of an SQLite file; raises NotFound when there is none."""
        if not file.exists():
            raise NotFound(f"there is no store at {file}", next_step="trainmaster up")
        return cls(f"sqlite:///{file}")

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query; raises NotFound, Damaged or Busy when the file is missing, broken or held."""
        if self._file is None:
            return self._rows_elsewhere(sql, parameters or {})
        try:
            cursor = self._connection().execute(sql, dict(parameters or {}))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        except sqlite3.DatabaseError as error:
            told = explained(str(error), self._file)
            raise (told or error) from error

    def one(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, parameters)
        return next(iter(row.values())) if row else None

    def version(self) -> int:
        """A number that changes whenever another connection has committed; cheap enough to ask many times a second."""
        if self._file is None:
            return self._version_elsewhere()
        return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()
        if self._engine is not None:
            self._engine.dispose()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            assert self._file is not None
            if not Path(self._file).is_file():
                raise NotFound(f"there is no store at {self._file}", next_step="trainmaster up")
            # mode=rw: a reader of a WAL file may have to make the shared memory file, but never the store itself
            address = f"file:{urllib.parse.quote(self._file)}?mode=rw"
            connection = sqlite3.connect(address, uri=True, timeout=15, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA query_only=ON").close()
            self._local.connection = connection
            with self._lock:
                self._opened.append(connection)
        return connection

    def _rows_elsewhere(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import DatabaseError

        if self._engine is None:
            self._engine = create_engine(self.url, pool_pre_ping=True)
        try:
            with self._engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execution_options(postgresql_readonly=True)
                return [dict(row) for row in connection.execute(text(sql), dict(parameters)).mappings()]
        except DatabaseError as error:
            told = explained_elsewhere(str(error.orig), str(getattr(error.orig, "sqlstate", None) or ""))
            raise (told or error) from error

    def _version_elsewhere(self) -> int:
        """On PostgreSQL both ends of the snapshot: every commit moves one of them; 0 where there is no such number."""
        if not self.url.startswith("postgresql"):
            return 0
        sql = "SELECT pg_snapshot_xmin(s) || ' ' || pg_snapshot_xmax(s) AS ends FROM pg_current_snapshot() s"
        return sum(map(int, str(self.value(sql)).split()))
