"""Work that several tests want done on the same store: it is done once a session, then its rows are put back."""

import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd

from app.domain.workspace import Workspace
from app.store.engine import Store

Made = TypeVar("Made")
_done: dict[str, tuple[bytes, Any]] = {}


def once(store: Store, work: Callable[[], Made], *asked: object) -> Made:
    """What `work` gives and writes; the second time it is asked for on the same content, what it wrote the first time.

    `asked` is all that the work depends on besides the store and the function itself. For what a test needs before it
    begins, never for what it asks about: runs keep their keys and times.
    """
    if store.file is None:  # PostgreSQL has no cheap copy
        return work()
    which = f"{work.__module__}.{work.__qualname__}"
    key = hashlib.sha256(_content(store) + b"".join(map(_bytes_of, (which, *asked)))).hexdigest()
    if key not in _done:
        made = work()
        _done[key] = _content(store), made
        return made
    content, made = _done[key]
    with contextlib.closing(sqlite3.connect(":memory:")) as then, contextlib.closing(_connected(store)) as here:
        then.deserialize(content)
        then.backup(here)
    return made


def copy_into(workspace: Workspace, made: Workspace) -> None:
    """Put all that is in `made` into a workspace whose store may be open."""
    shutil.copytree(made.root, workspace.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("store.db*"))
    with (
        contextlib.closing(sqlite3.connect(made.store_file)) as then,
        contextlib.closing(sqlite3.connect(workspace.store_file)) as here,
    ):
        then.backup(here)


def _bytes_of(asked: object) -> bytes:
    if isinstance(asked, pd.DataFrame):
        return repr(list(asked.columns)).encode() + pd.util.hash_pandas_object(asked).to_numpy().tobytes()
    return repr(asked).encode()


def _connected(store: Store) -> sqlite3.Connection:
    assert store.file is not None
    return sqlite3.connect(store.file)


def _content(store: Store) -> bytes:
    """The whole store, without the counters of its header and as if it had no write-ahead log."""
    with contextlib.closing(_connected(store)) as connection:
        content = bytearray(connection.serialize())
    content[18:20] = b"\x01\x01"
    content[24:28] = content[92:96] = bytes(4)
    return bytes(content)


__all__ = ["copy_into", "once"]
