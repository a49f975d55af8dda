"""JSON lines from a socket or standard input, written to the spool as they come, a segment each micro-batch."""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.data.survey import MAX_LINE_BYTES
from app.domain.errors import BadInput, Unavailable

IDLE_S = 1.0
SEGMENT_BYTES = 64 << 20
BLOCK_BYTES = 1 << 16
Read = Callable[[float], bytes | None]
"""Gives what has come within some seconds: None when nothing came, nothing when the other side has ended."""


def received_from(place: SourcePlace, spool: Spool, *, longest_s: float = 60.0) -> int:
    """Take in what a socket sends until it is quiet for a second, or closes, or a minute is over; gives lines.

    Raises Unavailable when nobody listens, or when the connection breaks: the lines that came before it are kept.
    """
    with connected(place) as read:
        return sum(segments(read, place, spool, seconds=longest_s, until_quiet=True))


def segments(
    read: Read, place: SourcePlace, spool: Spool, *, seconds: float, until_quiet: bool = False
) -> Iterator[int]:
    """Write complete lines to the spool, a segment each `batch_rows` lines or `seconds`; gives the lines of each."""
    rest, ended, begun = b"", False, time.monotonic()
    while not ended:
        cut, count, size = time.monotonic() + seconds, 0, 0
        with spool.receiving() as segment:
            while count < place.source.batch_rows and size < SEGMENT_BYTES:
                left = cut - time.monotonic()
                if left <= 0:
                    ended = until_quiet and time.monotonic() - begun > seconds
                    break
                block = read(min(left, IDLE_S if count else place.source.timeout_s) if until_quiet else left)
                if block is None:
                    ended = until_quiet
                    break
                ended = block == b""
                lines, end, rest = (rest + (block or b"\n" * bool(rest))).rpartition(b"\n")
                segment.write(lines + end)
                count, size = count + (lines + end).count(b"\n"), size + len(lines + end)
                if len(rest) > MAX_LINE_BYTES:
                    raise place.error(
                        BadInput, f"a line of more than {MAX_LINE_BYTES >> 20} MiB came: is it JSON lines?"
                    )
                if ended:
                    break
        if count:
            yield count


def from_file(descriptor: int) -> Read:
    """Reads a pipe or a file by its descriptor."""

    def read(timeout_s: float) -> bytes | None:
        ready, _, _ = select.select([descriptor], [], [], timeout_s)
        return os.read(descriptor, BLOCK_BYTES) if ready else None

    return read


@contextlib.contextmanager
def connected(place: SourcePlace) -> Iterator[Read]:
    """A connection to the source's socket; raises Unavailable when nobody answers, BadInput for a wrong address."""
    address = place.secrets.filled(place.source.stream or "")
    try:
        if address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(place.source.timeout_s)
            connection.connect(str(place.folder / address.removeprefix("unix:")))
        else:
            parts = urlsplit(address)
            if not parts.hostname or not parts.port:
                raise place.error(BadInput, "the stream needs a host and a port: tcp://HOST:PORT")
            connection = socket.create_connection((parts.hostname, parts.port), timeout=place.source.timeout_s)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise place.error(Unavailable, f"nobody answers at {place.source.stream}: {reason}") from None

    def read(timeout_s: float) -> bytes | None:
        connection.settimeout(max(timeout_s, 0.001))
        try:
            return connection.recv(BLOCK_BYTES)
        except TimeoutError:
            return None
        except OSError as error:
            raise place.error(Unavailable, f"the connection broke: {error.strerror or error}") from None

    with connection:
        yield read
