"""Content-addressed artifacts: written in chunks, deduplicated, checked at every read."""

import hashlib
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.errors import Damaged, NotFound
from app.store.tables import Artifact, Chunk

CHUNK_BYTES = 1 << 20


def put(session: Session, content: bytes, *, kind: str, media_type: str, now: datetime) -> str:
    """Keep bytes in the transaction of `session`; gives their SHA-256. The same bytes are kept once.

    >>> import tempfile; from pathlib import Path; from datetime import UTC
    >>> from app.store.engine import Store; from app.store.migrate import migrate
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store.of_file(Path(folder.name) / "s.db"); migrate(store)
    >>> with store.write() as session:
    ...     digest = put(session, b"trees", kind="model", media_type="text/plain", now=datetime.now(UTC))
    >>> with store.read() as session:
    ...     get(session, digest)
    b'trees'
    >>> store.close(); folder.cleanup()
    """
    digest = hashlib.sha256(content).hexdigest()
    connection = session.connection()
    if connection.execute(select(col(Artifact.digest)).where(col(Artifact.digest) == digest)).first() is not None:
        return digest
    connection.execute(
        insert(Artifact),
        {"digest": digest, "size_bytes": len(content), "kind": kind, "media_type": media_type, "created_at": now},
    )
    pieces = [
        {"artifact": digest, "ordinal": ordinal, "content": content[start : start + CHUNK_BYTES]}
        for ordinal, start in enumerate(range(0, len(content), CHUNK_BYTES))
    ]
    if pieces:
        connection.execute(insert(Chunk), pieces)
    return digest


def put_file(session: Session, path: Path, *, kind: str, media_type: str, now: datetime) -> str:
    """The same for the content of a file, of which memory holds one chunk at a time."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        connection = session.connection()
        if connection.execute(select(col(Artifact.digest)).where(col(Artifact.digest) == digest)).first() is not None:
            return digest
        size = stream.seek(0, 2)
        stream.seek(0)
        facts = {"digest": digest, "size_bytes": size, "kind": kind, "media_type": media_type, "created_at": now}
        connection.execute(insert(Artifact), facts)
        for ordinal, content in enumerate(iter(lambda: stream.read(CHUNK_BYTES), b"")):
            connection.execute(insert(Chunk), {"artifact": digest, "ordinal": ordinal, "content": content})
    return digest


def write_file(session: Session, digest: str, path: Path) -> int:
    """Write an artifact's bytes to a new file, a chunk at a time, and sync it; gives its size in bytes.

    Raises NotFound, or Damaged when they no longer have their digest: then what was written is nothing to be used.
    """
    connection = session.connection()
    if connection.execute(select(col(Artifact.digest)).where(col(Artifact.digest) == digest)).first() is None:
        raise NotFound(f"there is no artifact {digest[:12]}", next_step="trainmaster store fsck")
    found, size = hashlib.sha256(), 0
    query = select(col(Chunk.ordinal)).where(col(Chunk.artifact) == digest).order_by(col(Chunk.ordinal))
    ordinals = connection.execute(query).scalars().all()
    with path.open("xb") as stream:
        for ordinal in ordinals:
            content = connection.execute(
                select(col(Chunk.content)).where(col(Chunk.artifact) == digest, col(Chunk.ordinal) == ordinal)
            ).scalar_one()
            try:
                found.update(content)
            except TypeError:  # somebody wrote text where bytes were
                break
            size += stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if found.hexdigest() != digest:
        raise Damaged(
            f"artifact {digest[:12]} does not have its digest any more",
            next_step="trainmaster store restore BACKUP",
        )
    return size


def get(session: Session, digest: str) -> bytes:
    """The bytes of an artifact; raises NotFound, or Damaged when they no longer have their digest."""
    connection = session.connection()
    size = connection.execute(
        select(col(Artifact.size_bytes)).where(col(Artifact.digest) == digest)
    ).scalar_one_or_none()
    if size is None:
        raise NotFound(f"there is no artifact {digest[:12]}", next_step="trainmaster store fsck")
    chunks = connection.execute(
        select(col(Chunk.content)).where(col(Chunk.artifact) == digest).order_by(col(Chunk.ordinal))
    ).scalars()
    try:
        content = b"".join(chunks)
    except TypeError:  # somebody wrote text where bytes were
        content = b""
    if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(
            f"artifact {digest[:12]} does not have its digest any more",
            next_step="trainmaster store restore BACKUP",
        )
    return content
