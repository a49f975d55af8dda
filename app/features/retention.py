"""Keeping Delta tables small: many small files become few, and files that no kept version reads are removed."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.features.offline import files_of, is_table, newest_version

YOUNG_S = 3600.0
"""A file without a commit that is younger than this may belong to a publish that goes on now."""


@dataclass(frozen=True)
class Removable:
    """Files that no kept version reads, and their size."""

    files: tuple[Path, ...]
    size_bytes: int


def compact(folder: Path) -> int:
    """Merge the small files of each part in one commit, and write a checkpoint; gives how many files became fewer.

    Older versions keep their files, so they read as before.
    """
    from deltalake import DeltaTable

    table = DeltaTable(str(folder))
    before = len(table.file_uris())
    table.optimize.compact()
    table.create_checkpoint()
    return before - len(table.file_uris())


def removable(folder: Path, kept: Collection[int], *, now_s: float | None = None) -> Removable:
    """What can go when these versions (and the newest commit) stay; files of a publish that goes on stay too."""
    if not is_table(folder):
        return Removable((), 0)
    read = {path for version in {*kept, newest_version(folder)} for path in files_of(folder, version)}
    moment = time.time() if now_s is None else now_s
    committed = {path for version in range(newest_version(folder) + 1) for path in _files_of_any(folder, version)}
    found = [
        path
        for path in sorted(folder.rglob("*.parquet"))
        if "_delta_log" not in path.parts
        and (name := path.relative_to(folder).as_posix()) not in read
        and (name in committed or moment - path.stat().st_mtime > YOUNG_S)
    ]
    return Removable(tuple(found), sum(path.stat().st_size for path in found))


def remove(files: Collection[Path]) -> None:
    """Delete files; one that is gone already is fine (a run died while it did this)."""
    for path in files:
        path.unlink(missing_ok=True)


def _files_of_any(folder: Path, version: int) -> list[str]:
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return files_of(folder, version)
    except (DeltaError, TableNotFoundError, OSError):
        return []
