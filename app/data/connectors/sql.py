"""A query of a database, by SQLAlchemy URL; with a watermark column, only the rows after the last one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.data.connectors import newest_rows
from app.data.connectors.extract import Past, Piece
from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.data.connectors.watermark import as_text, as_value
from app.data.survey import MAX_BYTES, packed_digest
from app.domain.errors import BadInput, NotFound, Refused, TrainmasterError, Unavailable

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Engine

FETCHED_ROWS = 20_000
AGAIN = ("08", "40", "53", "57", "55P03")
"""PostgreSQL's states of what may pass: connection, rollback, resources, operator, lock."""
REFUSING = ("28", "42501")


class Sql:
    """One query; each extract is one transaction, streamed in pieces of `batch_rows`.

    A row may be committed after others of the same watermark were taken: an extract asks for the newest value again,
    and leaves out what `Past.newest` tells of.
    """

    def __init__(self, place: SourcePlace) -> None:
        self.place = place

    @property
    def is_incremental(self) -> bool:
        """With a watermark each piece adds to those before; without one the whole result replaces the last."""
        return self.place.source.watermark is not None

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """The rows from the watermark on that were not taken (or all rows), in the order of the watermark."""
        source = self.place.source
        with self._told(), self._connection() as connection:
            first = past.cursor
            for table, last, newest in self._tables(connection, past, source.batch_rows if source.watermark else None):
                file = spool.file(".parquet")
                _write(table, file)
                late = last is not None and last == past.cursor
                digest = packed_digest(file, f"late {past.newest}" if late else "")
                path = "sql" if last is None else f"sql/{last} {digest[:12]}" if late else f"sql/{last}"
                shown = f"source {self.place.name}" + ("" if first is None else f" after {first}")
                yield Piece(path, shown, file, digest, file.stat().st_size, version=newest, watermark=last)
                file.unlink(missing_ok=True)
                first = last

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """The first rows that the query gives."""
        with self._told(), self._connection() as connection:
            result = connection.execute(self._statement(connection, Past(), order=False))
            names, found = list(result.keys()), [tuple(row) for row in result.fetchmany(rows)]
            result.close()
        if not found:
            return None
        file = spool.file(".parquet")
        _write(self._table(names, found), file)
        return Piece("sql", f"source {self.place.name}", file, "", file.stat().st_size)

    def taken(self, piece: Piece) -> None:
        """Nothing is changed in the database."""

    def _tables(
        self, connection: "Connection", past: Past, batch_rows: int | None
    ) -> Iterator[tuple["pa.Table", str | None, str | None]]:
        """The rows, the last watermark of each piece, and which rows of that value were taken."""
        import pyarrow as pa

        first = past.cursor
        result = connection.execution_options(stream_results=True, max_row_buffer=FETCHED_ROWS).execute(
            self._statement(connection, past), {"watermark": as_value(first)} if first is not None else {}
        )
        names = [str(name) for name in result.keys()]  # noqa: SIM118
        mark, key = self._mark(names), [names.index(one) for one in self.place.source.unique_key if one in names]
        parts: list[pa.Table] = []
        held: list[tuple[Any, ...]] = []  # rows of the newest value: more of them may follow
        for rows in result.partitions(FETCHED_ROWS):
            whole = [*held, *(tuple(row) for row in rows)]
            held = []
            if mark is not None and batch_rows is not None:
                cut = _last_change(whole, mark)
                if sum(part.num_rows for part in parts) + len(whole) >= batch_rows and cut:
                    if ready := self._untaken(whole[:cut], mark, key, past):
                        parts.append(self._table(names, ready))
                    if parts:
                        newest = whole[_last_change(whole[:cut], mark) : cut]
                        yield self._joined(parts), as_text(newest[-1][mark]), newest_rows.told(newest, key)
                    parts, whole = [], whole[cut:]
                cut = _last_change(whole, mark)
                whole, held = self._untaken(whole[:cut], mark, key, past), whole[cut:]
            if whole:
                parts.append(self._table(names, whole))
            if sum(part.nbytes for part in parts) > MAX_BYTES:
                raise self.place.error(
                    BadInput,
                    f"the result has more than {MAX_BYTES >> 30} GiB",
                    next_step=f"[sources.{self.place.name}] watermark = a column that only grows",
                )
        if mark is None:
            if parts:
                yield self._joined(parts), None, None
            return
        if fresh := self._untaken(held, mark, key, past):
            parts.append(self._table(names, fresh))
        if parts:
            yield self._joined(parts), as_text(held[-1][mark]), newest_rows.told(held, key)

    def _untaken(self, rows: list[tuple[Any, ...]], mark: int, key: Sequence[int], past: Past) -> list[tuple[Any, ...]]:
        """Rows without those of the old watermark that were taken before; they stand first."""
        if past.newest is None or not rows:
            return rows
        end = next((at for at, row in enumerate(rows) if as_text(row[mark]) != past.cursor), len(rows))
        return [*newest_rows.untaken(rows[:end], key, past.newest), *rows[end:]]

    def _mark(self, names: Sequence[str]) -> int | None:
        watermark = self.place.source.watermark
        if watermark is None:
            return None
        if watermark not in names:
            raise self.place.error(
                BadInput,
                f"the query gives no column {watermark!r}",
                next_step=f"[sources.{self.place.name}] watermark is one of: {', '.join(names[:20])}",
            )
        return names.index(watermark)

    def _statement(self, connection: "Connection", past: Past, *, order: bool = True) -> Any:
        from sqlalchemy import text

        source = self.place.source
        query = (source.query or "").strip().rstrip(";").replace(":", "\\:")
        if source.watermark is None:
            return text(query)
        column = connection.dialect.identifier_preparer.quote_identifier(source.watermark)
        after = ">" if past.newest is None else ">="
        where = f" WHERE {column} {after} :watermark" if past.cursor is not None else ""
        tail = f" ORDER BY {column}" if order else ""
        return text(f"SELECT * FROM ({query}) AS rows_of_source{where}{tail}")  # noqa: S608

    def _table(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> "pa.Table":
        import pyarrow as pa

        from app.data.connectors.columns import column_of

        mark = self._mark(names)
        if mark is not None and any(row[mark] is None for row in rows):
            missing = sum(row[mark] is None for row in rows)
            raise self.place.error(
                BadInput,
                f"{missing:,} rows have no {names[mark]}: they could never be told from rows that were taken",
                next_step=f"add WHERE {names[mark]} IS NOT NULL to the query",
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise self.place.error(BadInput, f"the query gives the column {twice!r} twice", next_step="name one anew")
        values = zip(*rows, strict=True)
        return pa.table([column_of(column) for column in values], names=list(names))

    def _joined(self, parts: "list[pa.Table]") -> "pa.Table":
        import pyarrow as pa

        try:
            return pa.concat_tables(parts, promote_options="permissive").combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise self.place.error(
                BadInput, f"a column mixes types: {error}", next_step="CAST it in the query"
            ) from None

    @contextmanager
    def _connection(self) -> Iterator["Connection"]:
        engine = self._engine()
        connection = engine.connect()
        try:
            if connection.dialect.name == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            elif connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only=ON")
            yield connection
        finally:
            with suppress(Exception):  # the other side may be gone
                connection.close()
            engine.dispose()

    def _engine(self) -> "Engine":
        from sqlalchemy import create_engine
        from sqlalchemy.engine import make_url
        from sqlalchemy.pool import NullPool

        source, secrets = self.place.source, self.place.secrets
        url = make_url(secrets.filled_url(source.url or ""))
        arguments: dict[str, Any] = {
            name: secrets.filled(value) if isinstance(value, str) else value for name, value in source.options.items()
        }
        if url.get_backend_name() == "postgresql" and url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "postgresql":
            arguments = {"connect_timeout": max(2, int(source.timeout_s)), **arguments}
        if url.get_backend_name() == "sqlite":
            file = self.place.folder / (url.database or "")
            if not file.is_file():  # SQLite would make one
                raise self.place.error(NotFound, f"there is no database {url.database}")
            url = url.set(database=str(file))
        return create_engine(url, poolclass=NullPool, connect_args=arguments)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from sqlalchemy import exc

        try:
            yield
        except (TrainmasterError, GeneratorExit):
            raise
        except ImportError as error:
            raise self.place.error(
                Refused, f"the driver is missing ({error})", next_step="pip install 'trainmaster[postgres]'"
            ) from None
        except exc.NoSuchModuleError as error:
            raise self.place.error(BadInput, f"no driver reads this url: {error}") from None
        except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
            state = str(getattr(error.orig, "sqlstate", None) or "")
            refused = state.startswith(REFUSING) or "authentication failed" in str(error.orig)
            passing = state.startswith(AGAIN) if state else not _is_wrong(str(error.orig))
            kind = Refused if refused else Unavailable if passing else BadInput
            raise self.place.error(kind, _reason(error)) from None
        except exc.SQLAlchemyError as error:
            raise self.place.error(
                BadInput,
                f"the query fails: {_reason(error)}",
                next_step=f"correct [sources.{self.place.name}] query, then: {self.place.test_command}",
            ) from None
        except (ValueError, OSError) as error:
            kind = Unavailable if isinstance(error, OSError) else BadInput
            raise self.place.error(kind, f"{type(error).__name__}: {error}") from None


def _is_wrong(says: str) -> bool:
    """Whether SQLite says that the statement is wrong, not that the database is held by another."""
    return any(words in says for words in ("syntax error", "no such ", "unrecognized token", "incomplete input"))


def _reason(error: Exception) -> str:
    """The driver's own words, without the statement that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]


def _last_change(rows: Sequence[tuple[Any, ...]], mark: int) -> int:
    """How many rows there are before the run of rows that share the last row's value."""
    at = len(rows)
    while at and rows[at - 1][mark] == rows[-1][mark]:
        at -= 1
    return at


def _write(table: "pa.Table", file: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, file, compression="zstd", store_schema=False, coerce_timestamps="us")
