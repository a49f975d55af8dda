"""The online store in an SQLite file of its own: one table a view, renamed at every publish.

A reader keeps the name of a view's table. Every publish gives the tables new names in the transaction that fills them,
so a reader that holds an old name finds no table, looks the name up again, and never mixes two publishes.
"""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from app.domain.errors import Damaged, NotFound, Refused
from app.domain.text import visible
from app.features.online import Key, OnlineRow, OnlineView, RowSet, answered

FORMAT = 1
"""Of the file; another one is emptied at the next publish, for all of it can be made again."""
BATCH = 10_000
BUSY_TIMEOUT_S = 15
TRIES = 20
Result = TypeVar("Result")

SCHEMA = (
    "CREATE TABLE online_view (project TEXT, view TEXT, number INTEGER NOT NULL UNIQUE, about TEXT NOT NULL,"
    " PRIMARY KEY (project, view)) WITHOUT ROWID",
    "CREATE TABLE counter (value INTEGER NOT NULL)",
    "INSERT INTO counter VALUES (0)",
    f"PRAGMA user_version = {FORMAT}",
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A view's table as it was at the last look, and the two ways to read it."""

    about: OnlineView
    table: str
    one: str
    many: str


class _Stale(Exception):
    """A publish has renamed the tables since the last look."""


class SqliteOnline:
    """Online rows in `file`; one connection a thread, made at its first read.

    >>> import tempfile; from datetime import UTC
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = SqliteOnline(Path(folder.name) / "online.db")
    >>> view = OnlineView("p", "v", False, ("k",), ("text",), ("n",), ("number",), "at", None, 10, 1, "d", 1, 0, "")
    >>> store.publish("p", [RowSet(view, [("a", 0, None, 1.5)])], now=datetime(2013, 1, 1, tzinfo=UTC))
    >>> [row and (row.values, row.state) for row in store.read("p", "v", ["a", "b"], 10)[1]]
    [((1.5,), 'served'), None]
    >>> store.close(); folder.cleanup()
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        self._plans: dict[tuple[str, str], _Plan] = {}

    # -- reading -------------------------------------------------------------------------------------------------

    def views(self, project: str) -> dict[str, OnlineView]:
        """What is online of a project, by view; empty when nothing was ever published."""
        if not self.file.is_file():
            return {}
        with self._explained():
            found = self._tables(self._connection(), project)
        return {view: about for view, (about, _) in found.items()}

    def read(
        self, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        """One row (or None) for each key, in one query; raises NotFound, or Damaged for a broken file."""
        for _ in range(TRIES):
            try:
                return self._read(self._connection(), project, view, keys, at_us)
            except _Stale:
                continue
            except sqlite3.Error as error:
                raise self._told(error) from error
        raise _restless(self.file)

    def together(self, work: Callable[[Any], Result]) -> Result:
        """Call `work` with a `read` whose calls all see the same publish; `work` may be called again."""
        connection = self._connection()

        def read(project: str, view: str, keys: Sequence[Key], at_us: int) -> Any:
            return self._read(connection, project, view, keys, at_us)

        for _ in range(TRIES):
            try:
                connection.execute("BEGIN")
                return work(read)
            except _Stale:
                continue
            except sqlite3.Error as error:
                raise self._told(error) from error
            finally:
                connection.execute("ROLLBACK") if connection.in_transaction else None
        raise _restless(self.file)

    def keys(self, project: str, view: str, *, after: Key | None = None, limit: int = 1000) -> list[Key]:
        """A page of the keys of a view, in order."""
        for _ in range(TRIES):
            plan = self._plan(project, view)
            past, bound = ("", (limit,)) if after is None else ("WHERE key > ?", (after, limit))
            sql = f"SELECT DISTINCT key FROM {plan.table} {past} ORDER BY key LIMIT ?"  # noqa: S608 - our own name
            try:
                return [row[0] for row in self._connection().execute(sql, bound)]
            except sqlite3.Error as error:
                if not self._forgets(error):
                    raise self._told(error) from error
        raise _restless(self.file)

    def _read(
        self, connection: sqlite3.Connection, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        plan = self._plans.get((project, view)) or self._plan(project, view)
        about = plan.about
        moment = (at_us,) if about.is_history else ()
        try:
            if len(keys) == 1:
                row = connection.execute(plan.one, (keys[0], *moment)).fetchone()
                return about, [answered(row, at_us, 0, about)]
            document = json.dumps(keys)
            if "\\u0000" in document:  # a text inside SQLite's JSON ends there
                one, bound = plan.one, ((at, (key, *moment)) for at, key in enumerate(keys))
                rows = [(at, *row) for at, each in bound for row in connection.execute(one, each)]
            else:
                rows = connection.execute(plan.many, (document, *moment)).fetchall()
        except sqlite3.Error as error:
            if self._forgets(error):
                raise _Stale from None
            raise
        answer: list[OnlineRow | None] = [answered(None, at_us, 1, about)] * len(keys)
        for row in rows:
            answer[row[0]] = answered(row, at_us, 1, about)
        return about, answer

    def _plan(self, project: str, view: str) -> _Plan:
        with self._explained():
            found = self._tables(self._connection(), project)
        if view not in found:
            raise NotFound(
                f"view {visible(view)!r} of {visible(project)} is not online",
                next_step=f"trainmaster features materialize --project {visible(project)}",
            )
        about, table = found[view]
        columns = "".join(f", c{at}" for at in range(len(about.columns)))
        also = columns.replace(" c", " r.c")
        one = f"SELECT event_us, created_us{columns} FROM {table} WHERE key = ?"  # noqa: S608 - our own names
        many = (
            f"SELECT j.key, r.event_us, r.created_us{also} FROM json_each(?) j CROSS JOIN {table} r ON r.key = j.value"  # noqa: S608
        )
        if about.is_history:
            one += " AND event_us <= ? ORDER BY event_us DESC LIMIT 1"
            newest = f"(SELECT max(event_us) FROM {table} s WHERE s.key = j.value AND s.event_us <= ?)"  # noqa: S608
            many += f" AND r.event_us = {newest}"
        plan = _Plan(about, table, one, many)
        self._plans[project, view] = plan
        return plan

    def _forgets(self, error: sqlite3.Error) -> bool:
        """Whether the error says that a table was renamed; the names are looked up again then."""
        if "no such table: rows_" not in str(error):
            return False
        self._plans.clear()
        return True

    def _tables(self, connection: sqlite3.Connection, project: str) -> dict[str, tuple[OnlineView, str]]:
        if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            return {}
        rows = connection.execute("SELECT view, number, about FROM online_view WHERE project = ?", (project,))
        return {view: (OnlineView.of_json(about), f"rows_{number}") for view, number, about in rows}

    # -- writing -------------------------------------------------------------------------------------------------

    def publish(
        self,
        project: str,
        sets: Sequence[RowSet],
        *,
        now: datetime,
        step: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        """Replace all rows of a project in one transaction; raises Busy, Damaged, Refused or Unavailable."""
        self._make()
        done = 0
        with self._explained(), contextlib.closing(self._connect(writes=True)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            _prepare(connection)
            known = self._tables(connection, project)
            for rows in sets:
                about, table = replace(rows.about, published_at=now.isoformat()), f"rows_{_next_number(connection)}"
                old = known.pop(about.view, None)
                if rows.rows is None and old is not None:
                    connection.execute(f"ALTER TABLE {old[1]} RENAME TO {table}")
                else:
                    for count in _filled(connection, table, about, rows.rows or ()):
                        done += count
                        step(done)
                    if old is not None:
                        connection.execute(f"DROP TABLE {old[1]}")
                connection.execute(
                    "INSERT OR REPLACE INTO online_view VALUES (?, ?, ?, ?)",
                    (project, about.view, int(table.removeprefix("rows_")), about.as_json()),
                )
            for view, (_, table) in known.items():
                connection.execute(f"DROP TABLE {table}")
                connection.execute("DELETE FROM online_view WHERE project = ? AND view = ?", (project, view))
            connection.execute("COMMIT")
        self._plans.clear()

    def _make(self) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):  # nobody opens the file beside SQLite: decision 0004
                os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise Refused(
                f"the online store cannot be made: {error.strerror or error}",
                where=str(self.file),
                next_step=f"make {self.file.parent} writable",
            ) from error

    # -- connections ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if not self.file.is_file():
                raise NotFound("nothing is online yet", next_step="trainmaster features materialize")
            with self._explained():
                connection = self._connect(writes=False)
            self._local.connection = connection
            with self._lock:
                self._opened.append(connection)
        return connection

    def _connect(self, *, writes: bool) -> sqlite3.Connection:
        address = f"file:{quote(str(self.file))}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536") if writes else ("query_only=ON",)
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> Exception:
        from app.store.faults import explained

        told = explained(str(error), str(self.file))
        if isinstance(told, Damaged):
            return Damaged(
                f"the online store is damaged ({error})",
                where=str(self.file),
                next_step=f"mv {self.file} {self.file}.broken; trainmaster features materialize",
            )
        return told or error


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the catalogue in a new file, or empty one of another format."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
        return
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        connection.execute(f'DROP TABLE "{name}"')
    for statement in SCHEMA:
        connection.execute(statement)


def _next_number(connection: sqlite3.Connection) -> int:
    """A number that no table had before: a reader must never find another publish under an old name."""
    connection.execute("UPDATE counter SET value = value + 1")
    return int(connection.execute("SELECT value FROM counter").fetchone()[0])


def _filled(
    connection: sqlite3.Connection, table: str, about: OnlineView, rows: Iterable[tuple[Any, ...]]
) -> Iterator[int]:
    kinds = ["REAL" if kind == "number" else "TEXT" if kind == "category" else "" for kind in about.kinds]
    columns = "".join(f", c{at} {kind}" for at, kind in enumerate(kinds))
    connection.execute(
        f"CREATE TABLE {table} (key NOT NULL, event_us INTEGER, created_us INTEGER{columns}, "
        f"PRIMARY KEY ({'key, event_us' if about.is_history else 'key'})) WITHOUT ROWID"
    )
    insert = f"INSERT INTO {table} VALUES ({', '.join('?' * (3 + len(kinds)))})"  # noqa: S608 - our own name
    pending = iter(rows)
    while batch := list(islice(pending, BATCH)):
        connection.executemany(insert, batch)
        yield len(batch)


def _restless(file: Path) -> Exception:
    from app.domain.errors import Busy

    return Busy("the online store is published all the time", where=str(file), next_step="try again")


__all__ = ["SqliteOnline"]
