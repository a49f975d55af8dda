"""What of a source is new: its place with its secrets, and what the store knows of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.services.data.reading import declared_source
from app.services.secrets import secrets_of
from app.services.workspaces import OpenProject
from app.store.tables import Snapshot, SourceFile

if TYPE_CHECKING:
    from app.data.connectors import Past, Piece, SourcePlace

INCREMENTAL = ("sql/", "stream/")


def source_place(project: OpenProject, source: str) -> "SourcePlace":
    """A declared source on this machine; raises Usage."""
    from app.data.connectors import SourcePlace

    declared = declared_source(project, source)
    return SourcePlace(source, project.name, project.folder, declared, secrets_of(project.workspace))


@dataclass(frozen=True)
class Known:
    """What the store holds of a source: all digests, and for each path those that it had, oldest first."""

    past: "Past"
    digests: frozenset[str]
    chains: Mapping[str, tuple[str, ...]]

    def standing(self, piece: "Piece") -> str | None:
        """The digest under which a piece is to be taken in; None when the store has it.

        A path whose bytes go back to what they once were is new again: its digest then covers the one before.
        """
        if piece.digest not in self.digests:
            return piece.digest
        chain = self.chains.get(piece.path)
        if chain is None:
            return None  # a copy of what came under another name
        before = chain[-2] if len(chain) > 1 else ""
        if chain[-1] in (piece.digest, _returned(piece.digest, before)):
            return None
        return _returned(piece.digest, chain[-1])

    def after(self, piece: "Piece", digest: str) -> "Known":
        """The same, when `piece` has been taken in too."""
        chain = (*self.chains.get(piece.path, ()), digest)
        return Known(self.past.after(piece), self.digests | {digest}, {**self.chains, piece.path: chain})


def known_of(session: Session, project_id: int, source: str) -> Known:
    """What the store holds of a source."""
    from app.data.connectors import Past

    query = (
        select(col(SourceFile.path), col(SourceFile.digest), col(SourceFile.version), col(Snapshot.watermark))
        .join(Snapshot, col(Snapshot.id) == col(SourceFile.snapshot_id))
        .where(col(SourceFile.project_id) == project_id, col(SourceFile.source) == source)
        .order_by(col(SourceFile.id))
    )
    chains: dict[str, tuple[str, ...]] = {}
    versions: dict[str, str] = {}
    cursor = newest = None
    for path, digest, version, watermark in session.execute(query).all():
        chains[path] = (*chains.get(path, ()), digest)
        if path.startswith(INCREMENTAL):
            cursor, newest = watermark, version
        elif version is not None:
            versions[path] = version
    digests = frozenset(digest for chain in chains.values() for digest in chain)
    return Known(Past(cursor, newest, versions, has_begun=bool(chains)), digests, chains)


def _returned(digest: str, before: str) -> str:
    return hashlib.sha256(f"{digest} after {before}".encode()).hexdigest()
