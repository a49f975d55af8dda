"""One middleware in front of every route, method and websocket: what is not allowed is refused."""

import base64
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from app.gateway.settings import LOOPBACK

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/health"})
MOST_NAMES = 1_000
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
]
PORT = re.compile(r":\d{1,5}$")


class Guard:
    """Refuses a request with a foreign Host or Origin, no token, too large a body, or too many beside it.

    Websockets and everything else that is not HTTP are closed. `OPEN` paths need no token, but a right Host. A web page
    of `origins` may ask as a browser does: its preflight needs no token and opens nothing.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str,
        hosts: Iterable[str] = LOOPBACK,
        origins: Iterable[str] = (),
        max_body_bytes: int = 1_000_000,
        max_in_flight: int = 64,
        on_refused: Callable[[int], None] = lambda _status: None,
    ) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self.app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._known: set[bytes] = set()
        self._origins = frozenset(origin.encode() for origin in origins)
        self._max_body_bytes = max_body_bytes
        self._max_in_flight = max_in_flight
        self._on_refused = on_refused
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        if kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, says, extra = refusal
            self._on_refused(status)
            await refuse(send, status, says, extra)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is not None:
            send = _with_origin(send, origin)
            if scope["method"] == "OPTIONS":
                await send({"type": "http.response.start", "status": 204, "headers": PREFLIGHT})
                await send({"type": "http.response.body", "body": b""})
                return
        if scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def knows(self, host: bytes) -> bool:
        """Whether a Host header names this gateway."""
        if host in self._known:
            return True
        if PORT.sub("", host.decode("latin-1")).lower().encode("latin-1") not in self._hosts:
            return False
        if len(self._known) < MOST_NAMES:
            self._known.add(host)
        return True

    def _refusal(self, scope: Scope) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self.knows(hosts[0]):
            return 421, "this gateway does not answer under that name", []
        origins = [value for name, value in headers if name == b"origin"]
        if len(origins) > 1 or not self._origins.issuperset(origins):
            return 403, "requests from web pages are refused", []
        if scope["path"] in OPEN or (origins and scope["method"] == "OPTIONS"):
            return None
        if not self._has_token(headers):
            return 401, "a token is needed: Authorization: Bearer TOKEN", [(b"www-authenticate", b"Bearer")]
        length = next((value for name, value in headers if name == b"content-length"), b"0")
        if not length.isdigit():
            return 400, "content-length is not a number", []
        if len(length) > 12 or int(length) > self._max_body_bytes:
            return 413, f"a body may have at most {self._max_body_bytes:,} bytes", [(b"connection", b"close")]
        if self.in_flight >= self._max_in_flight:
            return 503, "too many requests at once", [(b"retry-after", b"1")]
        return None

    def _has_token(self, headers: list[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, credential = (given[0] if len(given) == 1 else b"").partition(b" ")
        kind, credential = scheme.lower(), credential.strip()
        if kind == b"basic":  # clients that only take a URL send its password: http://any:TOKEN@127.0.0.1
            credential = _password(credential)
        return hmac.compare_digest(credential, self._token) and kind in (b"bearer", b"basic")


def _with_origin(send: Send, origin: bytes) -> Send:
    """The same sender, its answers readable by the page that asked."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], (b"access-control-allow-origin", origin), (b"vary", b"origin")]
            message = {**message, "headers": headers}
        await send(message)

    return told


def _password(credential: bytes) -> bytes:
    try:
        return base64.b64decode(credential, validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def refuse(send: Send, status: int, says: str, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a small JSON error that repeats nothing of the request."""
    import orjson

    body = orjson.dumps({"error": says})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


__all__ = ["LOOPBACK", "OPEN", "Guard", "refuse"]
