"""Which files of a source are new."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.text import visible
from app.services.running import RunContext
from app.services.workspaces import OpenProject
from app.store.tables import SourceFile

if TYPE_CHECKING:
    pass


def known_digests(run: RunContext, source: str) -> set[str]:
    with run.store.read() as session:
        return known_digests_in(session, run.project_id, source)


def known_digests_in(session: Session, project_id: int, source: str) -> set[str]:
    query = select(col(SourceFile.digest)).where(
        col(SourceFile.project_id) == project_id, col(SourceFile.source) == source
    )
    return set(session.execute(query).scalars())


def new_files(project: OpenProject, files: Sequence[Path], known: set[str]) -> list[tuple[Path, str, str]]:
    from app.data.readers import fingerprint

    new: list[tuple[Path, str, str]] = []
    seen = set(known)
    for path in files:
        name = visible(path.relative_to(project.folder).as_posix(), longest=200)
        digest, _ = fingerprint(path, name)
        if digest not in seen:
            seen.add(digest)
            new.append((path, name, digest))
    return new
