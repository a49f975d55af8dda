"""Everything of the store as Parquet: a file a table, the bytes of artifacts beside them; whole or absent."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, Table, select

from app.domain.errors import Refused
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import metadata

BATCH = 20_000
NEXT = "trainmaster store export ANOTHER"


@dataclass(frozen=True)
class Export:
    """What was written: a Parquet file for each table, and the files of the artifacts."""

    folder: str
    tables: dict[str, int]
    artifacts: int


def export(store: Store, target: Path) -> Export:
    """Write every table as `TABLE.parquet` and every artifact as `artifacts/DIGEST` in the new folder `target`.

    One consistent view of the store; complete or absent. Raises Refused when the folder is there or cannot be
    written, Damaged when an artifact does not have its digest.
    """
    target = target.absolute()
    if target.exists():
        raise Refused(f"{target} is there already", next_step=NEXT)
    arriving = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(arriving, ignore_errors=True)
    try:
        (arriving / "artifacts").mkdir(parents=True)
        counts: dict[str, int] = {}
        with store.read() as session:
            for table in metadata.sorted_tables:
                if table.name != "chunk":  # the bytes stand beside, one file an artifact
                    counts[table.name] = _write(session.connection(), table, arriving / f"{table.name}.parquet")
            digests = session.connection().execute(select(metadata.tables["artifact"].c.digest)).scalars().all()
            for digest in digests:
                (arriving / "artifacts" / digest).write_bytes(artifacts.get(session, digest))
        arriving.rename(target)
    except OSError as error:
        says = f"the export cannot be written: {error.strerror or error}"
        raise Refused(says, where=str(target), next_step=NEXT) from error
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return Export(str(target), counts, len(digests))


def _write(connection: Any, table: Table, file: Path) -> int:
    """Write one table, a batch at a time; gives its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [pa.field(column.name, _arrow(column), nullable=bool(column.nullable)) for column in table.columns]
    )
    total = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _batches(connection, table):
            writer.write_table(pa.table(
                {column.name: pa.array([row[at] for row in rows], type=schema.field(column.name).type)
                 for at, column in enumerate(table.columns)}, schema=schema,
            ))  # fmt: skip
            total += len(rows)
    return total


def _batches(connection: Any, table: Table) -> Iterator[list[Any]]:
    result = connection.execution_options(yield_per=BATCH).execute(select(table))
    for part in result.partitions(BATCH):
        yield list(part)


def _arrow(column: Column[Any]) -> Any:
    """The Arrow type of a column; times are moments in UTC, words are text."""
    import pyarrow as pa

    kind = column.type
    name = type(kind).__name__
    if name == "UtcTime":
        return pa.timestamp("us", tz="UTC")
    if name == "Finite" or isinstance(kind, Float):
        return pa.float64()
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, Integer | BigInteger):
        return pa.int64()
    if isinstance(kind, LargeBinary):
        return pa.binary()
    return pa.string()


__all__ = ["Export", "export"]
