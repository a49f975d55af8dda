"""The offline feature store: one Delta table a view; a commit is atomic, and its number is the version."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from app.domain.errors import BadInput, Damaged
from app.domain.text import visible
from app.features.column_names import ORIGINAL, stored_names

DIGEST = "trainmaster.digest"
SEEN = 50


def publish(folder: Path, frame: pd.DataFrame, *, digest: str) -> int:
    """Replace the table's rows in one commit; gives its version. A process that dies before it leaves the old one.

    When a commit with this digest is already there (a run died after publishing), nothing is written again.
    """
    from deltalake import CommitProperties, WriterProperties, write_deltalake

    found = find(folder, digest)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_deltalake(
        str(folder),
        storable(frame),
        mode="overwrite",
        schema_mode="overwrite",
        writer_properties=WriterProperties(compression="ZSTD"),
        commit_properties=CommitProperties(custom_metadata={DIGEST: digest}),
    )
    written = find(folder, digest)
    if written is None:
        raise Damaged(f"the commit of {folder.name} is not in its table", next_step="trainmaster features build")
    return written


def find(folder: Path, digest: str) -> int | None:
    """The version whose commit carries this digest, among the newest ones."""
    from deltalake import DeltaTable

    if not (folder / "_delta_log").is_dir() or not any((folder / "_delta_log").iterdir()):
        return None
    for commit in DeltaTable(str(folder)).history(SEEN):
        if commit.get(DIGEST) == digest:
            return int(commit["version"])
    return None


def read_files(folder: Path, version: int) -> pa.Table:
    """The rows of one version from its files as they are now, whatever the log says of them; raises Damaged."""
    import pyarrow.parquet as pq
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(str(folder), version=version)
        stored = {field.name: str(field.metadata.get(ORIGINAL, field.name)) for field in table.schema().fields}
        rows = pa.concat_tables(pq.ParquetFile(file.removeprefix("file://")).read() for file in table.file_uris())
        return rows.rename_columns([stored[name] for name in rows.column_names]).replace_schema_metadata(None)
    except (DeltaError, TableNotFoundError, OSError, KeyError, pa.ArrowException) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise Damaged(
            f"version {version} of the features {folder.name!r} cannot be read: {reason}",
            next_step="trainmaster features build",
        ) from None


def changed_by_hand(folder: Path, version: int) -> int | None:
    """The newest version when it is later than `version` and its commit is none of ours; None when nobody was there."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        newest = DeltaTable(str(folder)).history(1)
    except (DeltaError, TableNotFoundError, OSError):
        return None
    if not newest or DIGEST in newest[0] or int(newest[0]["version"]) <= version:
        return None
    return int(newest[0]["version"])


def has(folder: Path, version: int) -> bool:
    """Whether a version's commit is there; its data files are only looked for when it is read."""
    return (folder / "_delta_log" / f"{version:020}.json").is_file()


def read(folder: Path, version: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one version; raises Damaged when it is not there any more.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place) / "view"
    ...     first = publish(folder, pd.DataFrame({"id": [1]}), digest="a")
    ...     second = publish(folder, pd.DataFrame({"id": [1, 2]}), digest="b")
    ...     read(folder, first).num_rows, read(folder, second).num_rows
    (1, 2)
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(str(folder), version=version)
        stored = {str(field.metadata.get(ORIGINAL, field.name)): field.name for field in table.schema().fields}
        wanted = list(stored) if columns is None else list(columns)
        missing = [name for name in wanted if name not in stored]
        if missing:
            raise Damaged(
                f"version {version} of the features {folder.name!r} has no column {visible(missing[0])!r}",
                next_step="trainmaster features build",
            )
        rows = table.to_pyarrow_table(columns=[stored[name] for name in wanted])
        return rows.rename_columns(wanted).replace_schema_metadata(None)
    except (DeltaError, TableNotFoundError, OSError, pa.ArrowException) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise Damaged(
            f"version {version} of the features {folder.name!r} cannot be read: {reason}",
            next_step="trainmaster features build",
        ) from None


def storable(frame: pd.DataFrame) -> pa.Table:
    """A frame as the types that Delta knows: times in UTC microseconds, whole numbers signed, categories as text."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowException, OverflowError) as error:
        reason = visible(error.args[-1] if error.args else error, longest=160)
        raise BadInput(
            f"a column has no type that can be stored: {reason}", next_step="give it one type in features.py"
        ) from None
    kinds = [_delta_type(field.type, field.name) for field in table.schema]
    columns = [column.cast(kind, safe=False) for column, kind in zip(table.columns, kinds, strict=True)]
    names = stored_names(table.column_names)
    fields = [
        pa.field(name, kind, metadata={ORIGINAL: original})
        for name, kind, original in zip(names, kinds, table.column_names, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _delta_type(kind: pa.DataType, column: str) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _delta_type(kind.value_type, column)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC")
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_null(kind) or pa.types.is_float16(kind):
        return pa.float64()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        raise BadInput(
            f"column {visible(column)!r} holds values of type {visible(kind, longest=60)}",
            next_step="make numbers, text or times of them in features.py",
        )
    return kind
