"""The offline feature store: one Delta table a view; a commit is atomic, and its number is the version.

A table is either whole (replaced by each commit) or divided by snapshot: then a column that readers never see says
which part a row belongs to, and a commit replaces the parts that changed.
"""

import errno
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.errors import BadInput, Damaged, Unavailable
from app.domain.text import visible
from app.features.column_names import ORIGINAL, stored_names

if TYPE_CHECKING:
    from deltalake import DeltaTable

DIGEST = "trainmaster.digest"
PARTS = "trainmaster.parts"
PART = "trainmaster_part"
SEEN = 50
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
KEEP_LOG = {"delta.logRetentionDuration": "interval 36500 days"}
"""A checkpoint must not remove the log entries that old versions are read from."""


def publish(folder: Path, frame: pd.DataFrame, *, digest: str) -> int:
    """Replace the table's rows in one commit; gives its version. A process that dies before it leaves the old one.

    When a commit with this digest is already there (a run died after publishing), nothing is written again.
    """
    found = find(folder, digest)
    if found is not None:
        return found
    _commit(folder, storable(frame), {DIGEST: digest})
    return _version_of(folder, digest)


def publish_parts(folder: Path, new: Mapping[str, pa.Table], order: Sequence[str], *, digest: str) -> int:
    """Make the table consist of the parts in `order`: `new` ones are written, the others are kept; gives the version.

    Parts are storable tables by name. Readers see the old or the new version, never half. Types that changed are
    promoted over all parts. Raises Damaged when a part is neither new nor in the newest version.
    """
    found = find(folder, digest)
    if found is not None:
        return found
    present = parts_now(folder)
    kept = [part for part in order if part not in new]
    if missing := set(kept) - present:
        raise Damaged(f"part {min(missing)} is not in {folder.name}", next_step="trainmaster features build")
    marks = {DIGEST: digest, PARTS: json.dumps(list(order))}
    rows = [part_rows.append_column(PART, pa.array([part] * part_rows.num_rows)) for part, part_rows in new.items()]
    if kept:
        table = _newest(folder)
        schema = pa.schema(table.schema().to_arrow())
        fitting = [_fitted(one, schema) for one in rows]
        if all(one is not None for one in fitting):
            gone = sorted((present - set(kept)) | set(new))
            _commit(folder, pa.concat_tables(fitting) if fitting else schema.empty_table(), marks, parts=gone)
            return _version_of(folder, digest)
        rows = [_read(folder, table, None, [part], PART) for part in kept] + rows
    _commit(folder, _together(rows), marks, parts=[])
    return _version_of(folder, digest)


def parts_now(folder: Path) -> set[str]:
    """The parts of the newest version of a divided table."""
    if not is_table(folder):
        return set()
    return {str(action[PART]) for action in _files(_newest(folder)) if action[PART] is not None}


def newest_version(folder: Path) -> int:
    """The number of the newest commit."""
    return int(_newest(folder).version())


def find(folder: Path, digest: str) -> int | None:
    """The version whose commit carries this digest, among the newest ones, if all its files are there."""
    if not is_table(folder):
        return None
    for commit in _newest(folder).history(SEEN):
        if commit.get(DIGEST) == digest:
            version = int(commit["version"])
            return version if _is_whole(folder, version) else None
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


def read(
    folder: Path, version: int, columns: Sequence[str] | None = None, *, parts: Collection[str] | None = None
) -> pa.Table:
    """The rows of one version (or of some of its parts); raises Damaged when it is not there any more.

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
        return _read(folder, DeltaTable(str(folder), version=version), columns, parts, None)
    except (DeltaError, TableNotFoundError, OSError, pa.ArrowException) as error:
        reason = visible(str(error).split("\n", 1)[0], longest=160)
        raise Damaged(
            f"version {version} of the features {folder.name!r} cannot be read: {reason}",
            next_step="trainmaster features build",
        ) from None


def schema_of(folder: Path, version: int) -> pa.Schema:
    """The columns of a version, under their own names."""
    from deltalake import DeltaTable

    return pa.schema(
        [(original_name(field), field.type) for field in fields_of(DeltaTable(str(folder), version=version))]
    )


def rows_of(folder: Path, version: int) -> int:
    """How many rows a version has."""
    from deltalake import DeltaTable

    actions = pa.table(DeltaTable(str(folder), version=version).get_add_actions(flatten=True))
    return sum(actions["num_records"].to_pylist())


def _read(
    folder: Path, table: "DeltaTable", columns: Sequence[str] | None, parts: Collection[str] | None, keep: str | None
) -> pa.Table:
    fields = fields_of(table)
    stored = {original_name(field): field.name for field in fields}
    wanted = list(stored) if columns is None else list(columns)
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise Damaged(
            f"version {table.version()} of the features {folder.name!r} has no column {visible(missing[0])!r}",
            next_step="trainmaster features build",
        )
    names = [stored[name] for name in wanted]
    kinds = {field.name: field.type for field in fields}
    pieces = [
        pa.table({name: piece[name].cast(kinds[name]) for name in names})
        if keep is None
        else piece.select(names).append_column(keep, pa.array([str(action[PART])] * piece.num_rows))
        for action in files_in_order(folder, table)
        if parts is None or action[PART] in parts
        for piece in [pq.ParquetFile(folder / str(action["path"])).read(columns=names)]
    ]
    if keep is not None:
        return pa.concat_tables(pieces)
    empty = pa.schema([(name, kinds[name]) for name in names]).empty_table()
    return pa.concat_tables(pieces or [empty]).rename_columns(wanted).replace_schema_metadata(None)


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


def named(rows: pa.Table) -> pa.Table:
    """Storable rows under the names that readers see."""
    return rows.rename_columns([original_name(field) for field in rows.schema]).replace_schema_metadata(None)


def joined(pieces: Sequence[pa.Table]) -> pa.Table:
    """Some parts of a table as one, types promoted as a commit would."""
    return (
        pa.concat_tables([_untyped(piece) for piece in pieces], promote_options="permissive")
        if pieces
        else pa.table({})
    )


def _commit(folder: Path, rows: pa.Table, marks: dict[str, str], parts: Sequence[str] | None = None) -> None:
    """One commit: the whole table (no `parts`, or none to replace), or the named parts of it; raises Unavailable."""
    from deltalake import CommitProperties, WriterProperties, write_deltalake
    from deltalake.exceptions import DeltaError

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not is_table(folder)
    try:
        write_deltalake(
            str(folder),
            rows,
            mode="overwrite",
            schema_mode=None if parts else "overwrite",
            partition_by=None if parts is None else [PART],
            predicate=f"{PART} IN ({', '.join(repr(part) for part in parts)})" if parts else None,
            configuration=KEEP_LOG if is_new else None,
            writer_properties=WriterProperties(compression="ZSTD"),
            commit_properties=CommitProperties(custom_metadata=marks),
        )
    except (OSError, DeltaError) as error:
        if any(f"os error {code}" in str(error) for code in NO_ROOM):
            raise Unavailable(
                "the disk has no room for the features; the version before stays",
                where=str(folder),
                next_step="free some space, or: trainmaster features prune; then: trainmaster features build",
            ) from error
        raise


def _version_of(folder: Path, digest: str) -> int:
    written = find(folder, digest)
    if written is None:
        raise Damaged(f"the commit of {folder.name} is not in its table", next_step="trainmaster features build")
    return written


def _fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table | None:
    """The rows as the schema of the stored table, or None when that would change a type or a column."""
    if set(rows.column_names) != set(schema.names):
        return None
    rows = _untyped(rows.select(schema.names))
    if any(field.type not in (pa.null(), schema.field(field.name).type) for field in rows.schema):
        return None
    return rows.cast(schema)


def _together(parts: Sequence[pa.Table]) -> pa.Table:
    """All rows under one schema; a column without any value takes its type from the others."""
    if not parts:
        raise BadInput("there is no row at all", next_step="trainmaster data ls")
    try:
        whole = pa.concat_tables([_untyped(part) for part in parts], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadInput(
            f"the parts of a table do not fit together: {visible(error, longest=160)}",
            next_step="give each column one type in features.py",
        ) from None
    types = [pa.float64() if pa.types.is_null(field.type) else field.type for field in whole.schema]
    names = {name: field.metadata for part in parts for name, field in zip(part.column_names, part.schema, strict=True)}
    fields = [pa.field(name, kind, metadata=names[name]) for name, kind in zip(whole.column_names, types, strict=True)]
    return whole.cast(pa.schema(fields))


def _untyped(rows: pa.Table) -> pa.Table:
    """The same with columns of no type where no row has a value."""
    for at, name in enumerate(rows.column_names):
        if rows[name].null_count == rows.num_rows:
            rows = rows.set_column(
                at, pa.field(name, pa.null(), metadata=rows.schema.field(at).metadata), pa.nulls(rows.num_rows)
            )
    return rows


def files_in_order(folder: Path, table: "DeltaTable") -> list[dict[str, object]]:
    """The files of a version: by part in the order of its commit, then by name."""
    files = _files(table)
    log = folder / "_delta_log" / f"{table.version():020}.json"
    order: dict[str, int] = {}
    if any(action[PART] is not None for action in files) and log.is_file():
        marks: dict[str, dict[str, str]] = next(
            (json.loads(line) for line in log.read_text().splitlines() if '"commitInfo"' in line), {}
        )
        listed = json.loads(marks.get("commitInfo", {}).get(PARTS, "[]"))
        order = {part: at for at, part in enumerate(listed)}
    return sorted(files, key=lambda file: (order.get(str(file[PART]), len(order)), str(file["path"])))


def _files(table: "DeltaTable") -> list[dict[str, object]]:
    actions = pa.table(table.get_add_actions(flatten=True))
    parts = f"partition.{PART}"
    values = actions[parts].to_pylist() if parts in actions.column_names else [None] * actions.num_rows
    return [{"path": path, PART: part} for path, part in zip(actions["path"].to_pylist(), values, strict=True)]


def _is_whole(folder: Path, version: int) -> bool:
    from deltalake import DeltaTable

    return all((folder / str(file["path"])).is_file() for file in _files(DeltaTable(str(folder), version=version)))


def files_of(folder: Path, version: int) -> list[str]:
    """The files of a version, relative to the table's folder."""
    from deltalake import DeltaTable

    return [str(file["path"]) for file in _files(DeltaTable(str(folder), version=version))]


def is_table(folder: Path) -> bool:
    """Whether a table was published here."""
    return (folder / "_delta_log").is_dir() and any((folder / "_delta_log").iterdir())


def _newest(folder: Path) -> "DeltaTable":
    from deltalake import DeltaTable

    return DeltaTable(str(folder))


def fields_of(table: "DeltaTable") -> list[pa.Field]:
    """The columns that readers see, under their stored names."""
    return [field for field in pa.schema(table.schema().to_arrow()) if field.name != PART]


def original_name(field: pa.Field) -> str:
    name: bytes = (field.metadata or {}).get(ORIGINAL.encode(), field.name.encode())
    return name.decode()


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
