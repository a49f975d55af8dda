"""A batch as a file of its own, Parquet or CSV: absent or whole, whatever happens."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import BadInput, NotFound, Unavailable
from app.domain.text import visible
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import PredictionBatch

KINDS = (".parquet", ".csv")
PARTIAL = ".partial"


@dataclass(frozen=True)
class Written:
    """A file that was written."""

    path: Path
    batch: str
    rows: int
    size_bytes: int

    @property
    def says(self) -> str:
        """What happened, in one line."""
        return f"{self.rows:,} rows of batch {self.batch} are in {self.path}"


def require_kind(target: Path) -> None:
    """Raise BadInput for a file that is neither Parquet nor CSV by its name, NotFound when its folder is not there."""
    if target.suffix.lower() not in KINDS:
        raise BadInput(f"{visible(target.name)} ends neither in .parquet nor in .csv", next_step="--out batch.parquet")
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder {visible(target.parent)}", next_step=f"mkdir -p {target.parent}")


def write_batch(store: Store, batch: str, target: Path) -> Written:
    """Write a batch to `target`, in place of what is there; memory holds one group of rows.

    Errors: NotFound for an unknown batch, BadInput for another ending than .parquet and .csv, Damaged for stored bytes
    without their digest, Unavailable when the disk refuses.
    """
    require_kind(target)
    with store.read() as session:
        row = session.execute(select(PredictionBatch).where(col(PredictionBatch.key) == batch)).scalars().first()
        if row is None:
            raise NotFound(f"there is no batch {visible(batch)}", next_step="trainmaster predict batches")
        digest, rows = row.artifact, row.rows
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    made = part
    try:
        with store.read() as session:
            artifacts.write_file(session, digest, part)
        if target.suffix.lower() == ".csv":
            made = part.with_name(part.name + ".csv")
            _to_csv(part, made)
        size = made.stat().st_size
        os.replace(made, target)
    except OSError as error:
        raise Unavailable(
            f"{target} cannot be written: {error.strerror or type(error).__name__}; nothing is left of it",
            next_step="make room, or choose another folder",
        ) from None
    finally:
        part.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    return Written(target, batch, rows, size)


def _to_csv(source: Path, target: Path) -> None:
    from pyarrow import csv, parquet

    file = parquet.ParquetFile(source)
    with target.open("xb") as stream:
        with csv.CSVWriter(stream, file.schema_arrow) as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group))
        stream.flush()
        os.fsync(stream.fileno())


__all__ = ["Written", "require_kind", "write_batch"]
