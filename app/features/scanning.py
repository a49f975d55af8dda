"""Going through a table of the offline store without holding it: a few rows at a time, unneeded groups unread."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.errors import Damaged
from app.domain.text import visible
from app.features.offline import fields_of, files_in_order, original_name

BATCH_ROWS = 65_536


def pieces(
    folder: Path, version: int, columns: Sequence[str], *, within: Mapping[str, tuple[Any, Any]] | None = None
) -> Iterator[pa.Table]:
    """The rows of one version, a few at a time and in stored order: for tables that are larger than memory.

    `within` names bounds (None is open) of columns: groups of rows that lie outside by the file's own statistics are
    not read; rows outside in a group that is read are for the caller to drop. Raises Damaged.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(str(folder), version=version)
        fields = fields_of(table)
        stored = {original_name(field): field.name for field in fields}
        kinds = {field.name: field.type for field in fields}
        bounds = {stored[name]: bound for name, bound in (within or {}).items()}
        for action in files_in_order(folder, table):
            file = pq.ParquetFile(folder / str(action["path"]))
            groups = [at for at in range(file.num_row_groups) if _may_hold(file.metadata.row_group(at), bounds)]
            names = [stored[name] for name in columns]
            for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=names) if groups else ():
                arrays = [batch.column(name).cast(kinds[name]) for name in names]
                yield pa.table(arrays, names=list(columns))
    except (DeltaError, TableNotFoundError, OSError, KeyError, pa.ArrowException) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise Damaged(
            f"version {version} of the features {folder.name!r} cannot be read: {reason}",
            next_step="trainmaster features build",
        ) from None


def _may_hold(group: Any, bounds: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether a group of rows may hold a row within the bounds, by its statistics; yes where it has none."""
    for at in range(group.num_columns):
        column = group.column(at)
        low, high = bounds.get(column.path_in_schema, (None, None))
        statistics = column.statistics
        if (low is None and high is None) or statistics is None or not statistics.has_min_max:
            continue
        least, greatest = (_aware(value) for value in (statistics.min, statistics.max))
        try:
            if (high is not None and least > high) or (low is not None and greatest < low):
                return False
        except TypeError:  # statistics of another type say nothing
            continue
    return True


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


__all__ = ["pieces"]
