"""Streams of JSON lines in micro-batches: a file that grows, a socket, or what `trainmaster data receive` took in."""

from collections.abc import Iterator

from app.data.connectors.extract import Connector, Past, Piece
from app.data.connectors.place import SourcePlace
from app.data.connectors.sockets import received_from
from app.data.connectors.spool import Spool
from app.data.connectors.tail import Tail
from app.data.survey import packed_digest


def stream(place: SourcePlace) -> Connector:
    """The connector of a stream."""
    return Tail(place) if (place.source.stream or "").startswith("tail:") else Received(place)


class Received:
    """A socket, or standard input: what comes is written to the spool first and leaves it when the store has it."""

    is_incremental = True

    def __init__(self, place: SourcePlace) -> None:
        self.place = place

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """What waits in the spool, and what the other side sends now."""
        yield from self._waiting(spool)
        if not (self.place.source.stream or "").startswith("stdin:") and received_from(self.place, spool):
            yield from self._waiting(spool)

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """What waits in the spool; with nothing there, what comes now, which stays in the spool for the next ingest."""
        segments = spool.segments()
        if not segments and not (self.place.source.stream or "").startswith("stdin:"):
            received_from(self.place, spool, longest_s=3.0)
            segments = spool.segments()
        if not segments:
            return None
        return Piece(segments[0].name, f"source {self.place.name}", segments[0], "", segments[0].stat().st_size)

    def taken(self, piece: Piece) -> None:
        """The segment has done its work."""
        piece.file.unlink(missing_ok=True)

    def _waiting(self, spool: Spool) -> Iterator[Piece]:
        for segment in spool.segments():
            name = segment.name.removesuffix(".jsonl")
            shown = f"source {self.place.name} ({name})"
            # the name is in the digest: a stream may say the same twice, and mean it
            digest = packed_digest(segment, name)
            yield Piece(f"stream/{name}", shown, segment, digest, segment.stat().st_size, watermark=name)
