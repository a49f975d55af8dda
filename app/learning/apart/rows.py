"""Encoded rows in a file without a name, so that a child maps them and nothing is left by a kill."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]


def written(rows: Floats | pa.Table, target: Floats) -> IO[bytes]:
    """The rows and their target in an open file, in Arrow's format; it is gone when it is closed.

    >>> import pyarrow as pa
    >>> with written(pa.table({"f0": [1, None]}), np.array([0.0, 1.0])) as file:
    ...     table, target = mapped(os.dup(file.fileno()))
    >>> table["f0"].to_pylist(), target.tolist()
    ([1, None], [0.0, 1.0])
    """
    import pyarrow as pa

    if isinstance(rows, np.ndarray):
        columns = [np.ascontiguousarray(rows[:, at]) for at in range(rows.shape[1])]
        rows = pa.table(columns, names=[f"f{at}" for at in range(len(columns))])
    whole = rows.append_column("target", pa.array(np.asarray(target, dtype=np.float64)))
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever asked for it
    try:
        with pa.ipc.new_file(file, whole.schema) as sink:
            sink.write_table(whole)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def mapped(descriptor: int) -> tuple[pa.Table, Floats]:
    """The same rows and target, mapped read-only from a descriptor, which is closed."""
    import pyarrow as pa

    try:
        content = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    whole = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(content))).read_all()
    last = whole.num_columns - 1
    target = np.from_dlpack(whole.column(last).combine_chunks())  # `to_numpy` would load pandas first
    return whole.remove_column(last), np.asarray(target, dtype=np.float64)


__all__ = ["mapped", "written"]
