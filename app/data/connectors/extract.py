"""What every connector gives, and how a try that fails is tried again."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.domain.errors import Unavailable

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


@dataclass(frozen=True)
class Past:
    """What was taken of a source before: the newest watermark of an incremental one, and the version of each path.

    `newest` tells which rows of that watermark were taken; None where nobody kept it, then all were.
    """

    cursor: str | None = None
    newest: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    has_begun: bool = False

    def after(self, piece: "Piece") -> "Past":
        """The same, when `piece` has been taken too."""
        if piece.watermark is not None:
            return replace(self, has_begun=True, cursor=piece.watermark, newest=piece.version)
        versions = {**self.versions, piece.path: piece.version} if piece.version else self.versions
        return replace(self, has_begun=True, versions=versions)


@dataclass(frozen=True)
class Piece:
    """One raw file of a source, complete on disk.

    `path` names it in the source: a later piece of the same path replaces it. `digest` is the SHA-256 that says whether
    it was taken before, `version` what the other side calls its state (an ETag), `watermark` where the next extract of
    an incremental source begins; its `version` tells which rows of that value were taken.
    """

    path: str
    shown: str
    file: Path
    digest: str
    size_bytes: int
    version: str | None = None
    watermark: str | None = None


class Connector(Protocol):
    """Reads one source; raises Unavailable for what may pass, other errors for what will not."""

    place: SourcePlace

    @property
    def is_incremental(self) -> bool:
        """Whether each piece adds to those before, and may be kept as soon as it is there."""

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """What is new since `past`, oldest first; files of its own go into the spool's work folder."""

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """A few rows, to look at; nothing of the source is used up. None when it holds nothing now."""

    def taken(self, piece: Piece) -> None:
        """The store holds this piece now."""


def extracted(
    connector: Connector,
    past: Past,
    spool: Spool,
    *,
    log: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Piece]:
    """The new pieces of a source; a try that ends in Unavailable is followed by another, after a growing wait.

    A try goes on where the last piece ended. The last failure is raised.
    """
    tries, failed = connector.place.source.retries + 1, 0
    while True:
        try:
            for piece in connector.pieces(past, spool):
                past, failed = past.after(piece), 0
                yield piece
            return
        except Unavailable as error:
            failed += 1
            if failed >= tries:
                log(f"source {connector.place.name}: try {failed} of {tries} failed: {error.message}; gives up")
                raise
            wait = min(FIRST_WAIT_S * 2 ** (failed - 1), LONGEST_WAIT_S)
            log(f"source {connector.place.name}: try {failed} of {tries} failed: {error.message}; again in {wait:g} s")
            sleep(wait)
