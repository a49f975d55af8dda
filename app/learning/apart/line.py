"""A line between a process and its child: a line of JSON a message, with bytes and open files beside it."""

import json
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

AT_ONCE = 1 << 18
MOST_FILES = 4


class Line:
    """One end of the line; `over` once the other end is gone.

    >>> ours, theirs = (Line(one) for one in socket.socketpair())
    >>> ours.say({"kind": "go"}, content=b"rows")
    >>> theirs.hear()["kind"], theirs.hear_bytes(4)
    ('go', b'rows')
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unread = bytearray()
        self.files: list[int] = []
        self.over = False

    def say(self, words: object, *, content: bytes = b"", files: Sequence[int] = ()) -> None:
        """Send a message, bytes after it, and descriptors of open files; nobody hears it once the line is over."""
        message = json.dumps(words).encode() + b"\n"
        try:
            sent = socket.send_fds(self._end, [message], files) if files else 0
            self._end.sendall(message[sent:] + content)
        except (BrokenPipeError, ConnectionResetError):
            self.over = True

    def hear(self, until: float | None = None) -> Any:
        """The next message, or None when there is none until then (`time.monotonic`), or never."""
        while b"\n" not in self._unread:
            if not self._receive(until):
                return None
        line, _, rest = self._unread.partition(b"\n")
        self._unread = rest
        return json.loads(line)

    def hear_bytes(self, count: int, until: float | None = None) -> bytes | None:
        """The next so many bytes, or None as above."""
        while len(self._unread) < count:
            if not self._receive(until):
                return None
        found = bytes(self._unread[:count])
        del self._unread[:count]
        return found

    def close(self) -> None:
        """Let it go."""
        self._end.close()

    def _receive(self, until: float | None) -> bool:
        if until is not None and not select.select([self._end], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        try:
            got, files, _, _ = socket.recv_fds(self._end, AT_ONCE, MOST_FILES)
        except ConnectionResetError:
            got, files = b"", []
        self.files += files
        self._unread += got
        self.over = self.over or not got
        return bool(got)


__all__ = ["Line"]
