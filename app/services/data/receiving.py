"""Keeping what a stream sends, micro-batch by micro-batch, until an ingest takes it."""

import sys
from collections.abc import Iterator

from app.domain.errors import Usage
from app.services.data.extracting import source_place
from app.services.workspaces import OpenProject


def receive(project: OpenProject, source: str, *, seconds: float, descriptor: int | None = None) -> Iterator[int]:
    """Write the lines of standard input or a socket to the source's spool; gives the lines of each micro-batch.

    Ends with the stream. What was received is on disk before it is counted, and leaves the disk only when the store has
    it. Raises Usage for a source that is no such stream, Unavailable when nobody answers or the connection breaks.
    """
    from app.data.connectors import Spool, sockets

    place = source_place(project, source)
    spool = Spool(project.workspace.spool(project.name, source))
    stream = place.source.stream or ""
    if stream.startswith("stdin:"):
        read = sockets.from_file(sys.stdin.fileno() if descriptor is None else descriptor)
        yield from sockets.segments(read, place, spool, seconds=seconds)
    elif stream.startswith(("tcp://", "unix:")):
        with sockets.connected(place) as read:
            yield from sockets.segments(read, place, spool, seconds=seconds)
    else:
        raise Usage(f"source {source} is no stream that can be received", next_step=f"trainmaster data ingest {source}")
