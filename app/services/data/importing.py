"""Importing a file: it is read and checked first, then copied whole into its source's folder under its name."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref, new_key
from app.domain.text import visible
from app.services.data.reading import declared_source
from app.services.workspaces import OpenProject, now
from app.store import audit
from app.store.engine import Store


@dataclass(frozen=True)
class Imported:
    """A file that lies in its source's folder now; `rows` and `broken` are what a look at it gave."""

    source: str
    path: str
    digest: str
    rows: int
    broken: int

    @property
    def says(self) -> str:
        """One line for people."""
        bad = f", {self.broken:,} of them break the contract" if self.broken else ""
        return f"{self.path}: {self.rows:,} rows{bad}; the next ingest of {self.source} takes it in"


def import_file(store: Store, project: OpenProject, source: str, file: Path, *, by: str, reason: str = "") -> Imported:
    """Copy a file into the folder of a source, where the next ingest finds it; all of it or nothing.

    Raises NotFound when there is no such file, Refused for a source that is no folder, a name that its pattern does not
    match or that is taken, BadInput for a file that cannot be read or lacks a required column.
    """
    from app.data import contract, readers
    from app.data.readers import fingerprint

    declared = declared_source(project, source)
    shown = visible(file.name, longest=120)
    if not file.is_file():
        raise NotFound(f"there is no file {visible(str(file), longest=200)}", next_step="name a file that is there")
    target = _target(project, source, declared.path, file.name)
    raw = readers.read(file, shown)
    checked = contract.check(raw.frame, declared, name=source, where=shown)
    if len(checked.rejected) > declared.max_quarantined_share * len(raw.frame):
        raise Refused(
            f"{len(checked.rejected):,} of {len(raw.frame):,} rows break the contract; an ingest would refuse it. "
            f"First: {visible(checked.rejected[0].reason, longest=200)}",
            where=shown,
            next_step="correct the file",
        )
    if target.exists():
        same = fingerprint(target, shown)[0] == raw.digest
        raise Refused(
            "it lies there already" if same else f"another file has the name {shown} there",
            where=visible(target.relative_to(project.folder).as_posix(), longest=200),
            next_step=f"trainmaster data ingest {source}" if same else "give it another name",
        )
    _copy(file, target, raw.digest, shown)
    relative = target.relative_to(project.folder).as_posix()
    with store.write() as session:
        audit.record(
            session,
            actor=by,
            action="data.imported",
            subject=str(Ref("source", f"{project.name}/{source}")),
            now=now(),
            reason=reason,
            details={"file": visible(relative, longest=400), "digest": raw.digest, "rows": len(raw.frame)},
        )
    return Imported(source, visible(relative, longest=200), raw.digest, len(raw.frame), len(checked.rejected))


def _target(project: OpenProject, source: str, pattern: str | None, name: str) -> Path:
    if pattern is None:
        raise Refused(f"source {source} reads no folder", next_step="import into a source that has a path")
    parts = PurePosixPath(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if any(sign in part for sign in "*?["):
            break
        fixed.append(part)
    if "://" in pattern or not parts or Path(pattern).is_absolute() or ".." in parts:
        raise Refused(f"source {source} does not read a folder of the project", next_step="deliver it where it reads")
    target = project.folder.joinpath(*fixed, name)
    relative = PurePosixPath(target.relative_to(project.folder).as_posix())
    if name.startswith((".", "_")) or not (relative.match(pattern) or str(relative) == pattern):
        raise Refused(
            f"the name {visible(name, longest=120)!r} does not match {visible(pattern)!r}, which source {source} reads",
            next_step="name the file so that it matches",
        )
    return target


def _copy(file: Path, target: Path, digest: str, shown: str) -> None:
    from app.data.readers import fingerprint

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{new_key()}.part")
    try:
        shutil.copyfile(file, part)
        if fingerprint(part, shown)[0] != digest:
            raise Refused(f"{shown} changed while it was copied", next_step="try again when it is complete")
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        os.link(part, target)  # fails when the name was taken meanwhile; a rename would replace that file
    except FileExistsError:
        raise Refused(f"another file has the name {shown} there", next_step="give it another name") from None
    finally:
        part.unlink(missing_ok=True)
