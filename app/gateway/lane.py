"""The fast lane: a whole, plain request for predictions is answered as it arrives; all else goes uvicorn's usual way.

A request takes the lane when nothing about it is unusual: the exact path of a model, one Host that is ours, the token,
JSON of a known length, no Origin, nothing pipelined. Any doubt is no answer: the usual way then says what is wrong, so
there is one place for refusals. The lane holds the same rules as `Guard`, and it also bounds how long a connection may
take to send a request, which uvicorn does not.
"""

import asyncio
import hmac
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from app.gateway.app import Gateway

HEAD_END = b"\r\n\r\n"
LONGEST_HEAD = 8_192
KNOWN = frozenset({b"accept", b"accept-encoding", b"connection", b"user-agent", b"x-request-id", b"accept-language"})
"""Headers that change nothing here; a name that is neither known nor read below sends the request the usual way."""
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 34\r\nretry-after: 1\r\n"
    b'connection: close\r\n\r\n{"error": "too many connections"}\n'
)


class Lane(H11Protocol):
    """One connection."""

    def __init__(self, gateway: "Gateway", **given: Any) -> None:
        super().__init__(**given)
        self._gateway = gateway
        self._free = True
        self._held: list[bytes] = []
        self._size = self._wanted = 0
        self._since = self.loop.time()
        self._begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away when there are too many."""
        super().connection_made(transport)
        self._gateway.connections.add(self)
        if len(self._gateway.connections) > self._gateway.settings.connections:
            self._gateway.metrics.refused(503)
            transport.write(BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._gateway.connections.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer at once, wait for the rest of a body, or hand over."""
        if not self._free:
            super().data_received(data)
            return
        if self._held:
            self._held.append(data)
            self._size += len(data)
            if self._size < self._wanted:
                return
            data, self._held = b"".join(self._held), []
        if data.startswith(b"POST /") and not self.flow.write_paused:
            answer = self._answer(data)
            if answer is not None:
                self._since = self.loop.time()
                if answer:
                    self._begun = False
                    self.transport.write(answer)
                return
        self._free = False
        self._begin()
        super().data_received(data)

    def _answer(self, data: bytes) -> bytes | None:
        """The answer as it goes over the wire, nothing yet (b"") until the body is whole, or None to hand over."""
        end = data.find(HEAD_END)
        if not 0 < end <= LONGEST_HEAD:
            return None
        line, *fields = data[:end].split(b"\r\n")
        if data.count(b"\n", 0, end) != len(fields):
            return None  # a line that ends otherwise is a header to some and none to others
        method_path, _, version = line.rpartition(b" ")
        route = self._gateway.routes.get(method_path[5:])
        if route is None or version != b"HTTP/1.1":
            return None
        length = -1
        host = credential = media = False
        for field in fields:
            name, _, value = field.partition(b":")
            name, value = name.lower(), value.strip(b" \t")
            if name == b"host":
                if host or not self._gateway.asgi.knows(value):
                    return None
                host = True
            elif name == b"authorization":
                if credential or not hmac.compare_digest(value, self._gateway.credential):
                    return None
                credential = True
            elif name == b"content-length":
                if length >= 0 or not value.isdigit() or len(value) > 7:
                    return None
                length = int(value)
            elif name == b"content-type":
                if media or value != b"application/json":
                    return None
                media = True
            elif name not in KNOWN or (name == b"connection" and value.lower() != b"keep-alive"):
                return None
        if not (host and credential and media) or not 0 < length <= self._gateway.settings.body_bytes:
            return None
        self._wanted = end + 4 + length
        if len(data) < self._wanted:
            self._held, self._size = [data], len(data)
            self._begin()
            return b""
        if len(data) > self._wanted:
            return None
        self._unset_keepalive_if_required()
        return self._gateway.at_once(route, data[end + 4 :], self.server_state.default_headers)

    def _begin(self) -> None:
        if not self._begun:
            self._begun, self._since = True, self.loop.time()

    def on_response_complete(self) -> None:
        """The usual way has answered: the lane is free again when nothing waits behind the request."""
        self._begun, self._since = False, self.loop.time()
        super().on_response_complete()
        idle = self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE
        self._free = idle and not self.conn.trailing_data[0]

    def is_overdue(self, now: float, *, request_s: float, idle_s: float) -> bool:
        """Whether its request should have arrived by now, or it has been silent for too long."""
        if self.cycle is not None and not self.cycle.response_complete:
            return False  # it is being answered; its body has a limit of its own
        return now - self._since > (request_s if self._begun else idle_s)

    def end(self) -> None:
        """Close it; what was begun is told that it took too long."""
        if not self.transport.is_closing():
            if self._begun:
                self._gateway.metrics.refused(408)
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()


__all__ = ["Lane"]
