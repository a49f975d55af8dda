"""The bytes of an artifact for a screen, digest checked, in plain SQL."""

import hashlib

from app.domain.errors import Damaged, NotFound
from app.store.reader import Reader


def content_of(reader: Reader, digest: str) -> bytes:
    """The bytes of an artifact; raises NotFound, or Damaged when they do not have their digest."""
    rows = reader.rows("SELECT content FROM chunk WHERE artifact = :digest ORDER BY ordinal", {"digest": digest})
    if not rows and reader.one("SELECT 1 AS one FROM artifact WHERE digest = :digest", {"digest": digest}) is None:
        raise NotFound(f"there is no artifact {digest[:12]}", next_step="trainmaster store fsck")
    content = b"".join(bytes(row["content"]) for row in rows)
    if hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(
            f"artifact {digest[:12]} does not have its digest any more", next_step="trainmaster store restore BACKUP"
        )
    return content
