"""Which parts of a divided table may hold given keys, by the statistics of their files: no row is read."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.features.offline import PART, fields_of, files_in_order, original_name

Bounds = Mapping[str, tuple[Any, Any]]


def near_parts(folder: Path, version: int, parts: Collection[str], keys: pa.Table) -> list[str]:
    """Of some parts of a version, those that may hold a row equal to one of `keys`, which have the table's types.

    A part is left out when all its values of a column lie beside those of `keys`: whole numbers, texts and times, whose
    order Parquet and Python share. A month's keys lie beside those of other months, so a build of one reads no other.
    """
    from deltalake import DeltaTable

    table = DeltaTable(str(folder), version=version)
    stored = {original_name(field): field.name for field in fields_of(table)}
    bounds = {stored[name]: _bounds(keys[name]) for name in keys.column_names if _is_ordered(keys[name].type)}
    files = [action for action in files_in_order(folder, table) if action[PART] in parts]
    near = [str(action[PART]) for action in files if _may_hold(folder / str(action["path"]), bounds)]
    return list(dict.fromkeys(near))


def _is_ordered(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _bounds(values: pa.ChunkedArray) -> tuple[Any, Any]:
    """The least and the greatest value; None when there is none."""
    found = pc.min_max(values)
    return found["min"].as_py(), found["max"].as_py()


def _may_hold(file: Path, bounds: Bounds) -> bool:
    metadata = pq.read_metadata(file)
    places = {metadata.schema.column(at).name: at for at in range(metadata.num_columns)}
    return any(
        not any(_lies_beside(metadata.row_group(group).column(places[name]), *found) for name, found in bounds.items())
        for group in range(metadata.num_row_groups)
    )


def _lies_beside(column: pq.ColumnChunkMetaData, least: Any, greatest: Any) -> bool:
    """Whether a column of a row group holds none of the values from `least` to `greatest`; not when nobody knows."""
    if least is None:  # no key has a value here, so none is equal to anything
        return True
    known = column.statistics
    return known is not None and known.has_min_max and bool(known.max < least or known.min > greatest)


__all__ = ["near_parts"]
