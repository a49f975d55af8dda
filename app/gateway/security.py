"""One middleware in front of every route, method and websocket: what is not allowed is refused."""

import base64
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/health"})
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PORT = re.compile(r":\d{1,5}$")


class Guard:
    """Refuses a request with a foreign Host, any Origin, no token, too large a body, or too many beside it.

    Websockets and everything else that is not HTTP are closed. `OPEN` paths need no token, but a right Host.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str,
        hosts: Iterable[str] = LOOPBACK,
        max_body_bytes: int = 1_000_000,
        max_in_flight: int = 64,
        on_refused: Callable[[int], None] = lambda _status: None,
    ) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self.app = app
        self._token = token.encode()
        self._hosts = frozenset(host.encode() for host in hosts)
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
        if scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _refusal(self, scope: Scope) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or PORT.sub("", hosts[0].decode("latin-1")).lower().encode("latin-1") not in self._hosts:
            return 421, "this gateway answers on loopback only", []
        if any(name == b"origin" for name, _ in headers):
            return 403, "requests from web pages are refused", []
        if scope["path"] in OPEN:
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
