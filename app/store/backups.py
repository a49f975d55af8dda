"""Whole copies of an SQLite store: consistent while others write, complete or absent."""

import hashlib
import os
import sqlite3
import urllib.parse
from pathlib import Path

from app.domain.errors import Damaged, NotFound, Refused
from app.store.faults import explained

DIGEST_SUFFIX = ".sha256"


def copy_database(source: Path, target: Path) -> str:
    """Copy a live database to a new file, check it, and write its SHA-256 beside it; gives the digest.

    The copy is made under another name and renamed when it is whole and on the disk. Raises Refused when the target
    exists, Damaged when the source or the copy does not pass SQLite's own check.
    """
    if target.exists():
        raise Refused(f"{target} exists already", next_step="choose another name")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        reading = _open(source)
        try:
            writing = sqlite3.connect(partial)
            try:
                reading.backup(writing)  # in one step: WAL lets others write on, and no writer makes it begin again
                writing.execute("PRAGMA journal_mode=DELETE").close()
            finally:
                writing.close()
        finally:
            reading.close()
        require_whole(partial)
        digest = _sync_and_digest(partial)
        note = target.with_name(target.name + DIGEST_SUFFIX)
        note.write_text(f"{digest}  {target.name}\n")
        partial.rename(target)
        sync_folder(target.parent)
    except sqlite3.DatabaseError as error:
        raise (explained(str(error), str(source)) or error) from error
    except OSError as error:
        raise Refused(
            f"the backup cannot be written: {error.strerror or error}",
            where=str(target),
            next_step="choose a folder with space that may be written",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return digest


def require_whole(file: Path) -> None:
    """Raise Damaged when SQLite's own check of a file finds anything."""
    try:
        connection = _open(file)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise explained(str(error), str(file)) or Damaged(str(error), where=str(file)) from error
    if found != ["ok"]:
        raise Damaged(f"SQLite found: {found[0]}", where=str(file), next_step="use another backup")


def require_digest(file: Path) -> None:
    """Raise Damaged when a backup does not have the digest that was written beside it (no digest, no check)."""
    note = file.with_name(file.name + DIGEST_SUFFIX)
    if note.is_file():
        expected = note.read_text().split()[:1]
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if expected != [found]:
            raise Damaged("the backup was changed after it was made", where=str(file), next_step="use another backup")


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_and_digest(file: Path) -> str:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest


def _open(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise NotFound(f"there is no file {file}", next_step="trainmaster store backup FILE")
    return sqlite3.connect(f"file:{urllib.parse.quote(str(file))}?mode=rw", uri=True, timeout=15)
