"""The online store in PostgreSQL: the same tables and the same renaming as in SQLite, in a schema of their own."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from app.domain.errors import Busy, NotFound, Refused, Unavailable
from app.domain.text import visible
from app.features.online import Key, OnlineRow, OnlineView, RowSet, answered

SCHEMA = "trainmaster_online"
BATCH = 10_000
TRIES = 20
LOCK = 7_269_811_450_118
"""Of the advisory lock that publishers take one after the other."""
Result = TypeVar("Result")
TYPES = {"text": "text", "category": "text", "integer": "bigint", "time": "bigint", "number": "double precision"}


class _Stale(Exception):
    """A publish has renamed the tables since the last look."""


class PostgresOnline:
    """Online rows at a PostgreSQL URL; one connection a thread. Raises Refused when psycopg is not installed."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise Refused(
                "PostgreSQL needs psycopg, which is not installed", next_step="pip install 'trainmaster[postgres]'"
            ) from None
        self._psycopg: Any = psycopg
        self._url = url
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[Any] = []
        self._plans: dict[tuple[str, str], tuple[OnlineView, str]] = {}

    # -- reading -------------------------------------------------------------------------------------------------

    def views(self, project: str) -> dict[str, OnlineView]:
        """What is online of a project, by view; empty when nothing was ever published."""
        with self._explained():
            return {view: about for view, (about, _) in self._tables(self._connection(), project).items()}

    def read(
        self, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        """One row (or None) for each key, in one query; raises NotFound, or Unavailable when the server is away."""
        for _ in range(TRIES):
            try:
                with self._explained():
                    return self._read(self._connection(), project, view, keys, at_us)
            except _Stale:
                continue
        raise _restless()

    def together(self, work: Callable[[Any], Result]) -> Result:
        """Call `work` with a `read` whose calls all see the same publish; `work` may be called again."""
        connection = self._connection()

        def read(project: str, view: str, keys: Sequence[Key], at_us: int) -> Any:
            return self._read(connection, project, view, keys, at_us)

        for _ in range(TRIES):
            try:
                with self._explained(), connection.transaction():
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    return work(read)
            except _Stale:
                continue
        raise _restless()

    def keys(self, project: str, view: str, *, after: Key | None = None, limit: int = 1000) -> list[Key]:
        """A page of the keys of a view, in order."""
        for _ in range(TRIES):
            try:
                with self._explained():
                    connection = self._connection()
                    _, table = self._plan(connection, project, view)
                    past, bound = ("", [limit]) if after is None else ("WHERE key > %s", [after, limit])
                    sql = f"SELECT DISTINCT key FROM {table} {past} ORDER BY key LIMIT %s"  # noqa: S608 - our own name
                    return [row[0] for row in self._run(connection, sql, bound)]
            except _Stale:
                continue
        raise _restless()

    def _read(
        self, connection: Any, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        about, table = self._plans.get((project, view)) or self._plan(connection, project, view)
        columns = "".join(f", r.c{at}" for at in range(len(about.columns)))
        kind = _key_type(about)
        bound: list[Any] = [list(keys)]
        newest = ""
        if about.is_history:
            newest = f" AND r.event_us = (SELECT max(event_us) FROM {table} s WHERE s.key = j.key AND s.event_us <= %s)"  # noqa: S608
            bound.append(at_us)
        sql = (
            f"SELECT j.at, r.event_us, r.created_us{columns} "  # noqa: S608 - our own names
            f"FROM unnest(%s::{kind}[]) WITH ORDINALITY AS j(key, at) JOIN {table} r ON r.key = j.key{newest}"
        )
        answer: list[OnlineRow | None] = [answered(None, at_us, 1, about)] * len(keys)
        for row in self._run(connection, sql, bound):
            answer[row[0] - 1] = answered(row, at_us, 1, about)
        return about, answer

    def _plan(self, connection: Any, project: str, view: str) -> tuple[OnlineView, str]:
        found = self._tables(connection, project)
        if view not in found:
            raise NotFound(
                f"view {visible(view)!r} of {visible(project)} is not online",
                next_step=f"trainmaster features materialize --project {visible(project)}",
            )
        self._plans[project, view] = found[view]
        return found[view]

    def _run(self, connection: Any, sql: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return list(connection.execute(sql, bound).fetchall())
        except self._psycopg.errors.UndefinedTable:
            self._plans.clear()
            raise _Stale from None

    def _tables(self, connection: Any, project: str) -> dict[str, tuple[OnlineView, str]]:
        if connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.online_view"]).fetchone()[0] is None:
            return {}
        rows = connection.execute(f"SELECT view, number, about FROM {SCHEMA}.online_view WHERE project = %s", [project])  # noqa: S608
        return {view: (OnlineView.of_json(about), f"{SCHEMA}.rows_{number}") for view, number, about in rows.fetchall()}

    # -- writing -------------------------------------------------------------------------------------------------

    def publish(
        self,
        project: str,
        sets: Sequence[RowSet],
        *,
        now: datetime,
        step: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        """Replace all rows of a project in one transaction; raises Unavailable."""
        done = 0
        with self._explained(), self._psycopg.connect(self._url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            _prepare(connection)
            known = self._tables(connection, project)
            for rows in sets:
                number = connection.execute(f"SELECT nextval('{SCHEMA}.row_table')").fetchone()[0]
                about, table = replace(rows.about, published_at=now.isoformat()), f"{SCHEMA}.rows_{number}"
                old = known.pop(about.view, None)
                if rows.rows is None and old is not None:
                    connection.execute(f"ALTER TABLE {old[1]} RENAME TO rows_{number}")
                else:
                    for count in _filled(connection, table, about, rows.rows or ()):
                        done += count
                        step(done)
                    if old is not None:
                        connection.execute(f"DROP TABLE {old[1]}")
                connection.execute(
                    f"INSERT INTO {SCHEMA}.online_view VALUES (%s, %s, %s, %s) ON CONFLICT (project, view) "  # noqa: S608
                    "DO UPDATE SET number = excluded.number, about = excluded.about",
                    [project, about.view, number, about.as_json()],
                )
            for view, (_, table) in known.items():
                connection.execute(f"DROP TABLE {table}")
                connection.execute(
                    f"DELETE FROM {SCHEMA}.online_view WHERE project = %s AND view = %s",  # noqa: S608
                    [project, view],
                )
        self._plans.clear()

    # -- connections ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            with self._explained():
                connection = self._psycopg.connect(self._url, autocommit=True)
            self._local.connection = connection
            with self._lock:
                self._opened.append(connection)
        return connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.OperationalError as error:
            says = visible(str(error).strip().split("\n", 1)[0].replace(self._url, "the URL"), longest=200)
            raise Unavailable(
                f"the online store does not answer: {says}",
                where="[online] url in trainmaster.toml",
                next_step="start the PostgreSQL server, or correct the URL",
            ) from None


def _prepare(connection: Any) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {SCHEMA}.online_view (project text, view text, number bigint NOT NULL UNIQUE, "
        "about text NOT NULL, PRIMARY KEY (project, view))"
    )
    connection.execute(f"CREATE SEQUENCE IF NOT EXISTS {SCHEMA}.row_table")


def _key_type(about: OnlineView) -> str:
    return TYPES[about.key_kinds[0]] if len(about.key_kinds) == 1 else "text"


def _filled(connection: Any, table: str, about: OnlineView, rows: Iterable[tuple[Any, ...]]) -> Iterator[int]:
    """COPY in batches; a missing number comes as NaN and is kept as NULL, as in SQLite."""
    columns = "".join(f", c{at} {TYPES[kind]}" for at, kind in enumerate(about.kinds))
    key = 'text COLLATE "C"' if _key_type(about) == "text" else _key_type(about)  # in the order of their bytes
    unique = "key, event_us" if about.is_history else "key"
    connection.execute(
        f"CREATE TABLE {table} (key {key}, event_us bigint, created_us bigint{columns}, PRIMARY KEY ({unique}))"
    )
    pending = iter(rows)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        while batch := list(islice(pending, BATCH)):
            for row in batch:
                copy.write_row([None if value != value else value for value in row])  # NaN
            yield len(batch)


def _restless() -> Busy:
    return Busy("the online store is published all the time", next_step="try again")


__all__ = ["PostgresOnline"]
