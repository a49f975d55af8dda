"""Asks a server over some connections, in a process of its own; prints what it saw as JSON.

With a rate the requests are due at even times and latency counts from the moment that one was due (so a stalled server
cannot hide); without one each connection asks again at once.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop


class Connection(asyncio.Protocol):
    """One connection that asks for ever."""

    def __init__(self, load: "Load") -> None:
        self.load, self.buffer, self.missing, self.begun = load, b"", -1, 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.load.open(self)

    def ask(self, due: float) -> None:
        self.begun, self.buffer, self.missing = due, b"", -1
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.missing < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            if at < 0:  # chunked: the last piece is empty
                if not self.buffer.endswith(b"0\r\n\r\n"):
                    return
                self.missing = len(self.buffer)
            else:
                self.missing = end + 4 + int(head[at + 15 :].partition(b"\r\n")[0])
        if len(self.buffer) >= self.missing:
            self.load.answered(self)

    def connection_lost(self, _error: Any) -> None:
        self.load.lost(self)


class Load:
    """All connections together."""

    def __init__(self, request: bytes, *, connections: int, seconds: float, requests: int, rate: float) -> None:
        self.request, self.connections, self.rate = request, connections, rate
        self.wanted, self.until = requests, time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.failed, self.sent, self.last = 0, 0, b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle: list[Connection] = []
        self.keep = False
        self.answers: dict[str, int] = {}
        self.began = time.perf_counter()

    def open(self, connection: Connection) -> None:
        self.next(connection)

    def answered(self, connection: Connection) -> None:
        self.latencies.append(time.perf_counter() - connection.begun)
        if not connection.buffer.startswith(b"HTTP/1.1 200"):
            self.failed += 1
        self.last = connection.buffer
        if self.keep:
            document = json.loads(connection.buffer.partition(b"\r\n\r\n")[2])
            told = json.dumps([document.get("version"), document.get("predictions")])
            self.answers[told] = self.answers.get(told, 0) + 1
        self.next(connection)

    def next(self, connection: Connection) -> None:
        now = time.perf_counter()
        if self.done.done() or now > self.until or self.sent >= self.wanted:
            if not self.done.done():
                self.done.set_result(None)
            return
        self.sent += 1
        if not self.rate:
            connection.ask(now)
            return
        due = self.began + self.sent / self.rate
        if due <= now:
            connection.ask(due)
        else:
            asyncio.get_running_loop().call_later(due - now, connection.ask, due)

    def lost(self, _connection: Connection) -> None:
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)


async def main(asked: dict[str, Any]) -> dict[str, Any]:
    body = Path(asked["body"]).read_bytes()
    head = [f"POST {asked['path']} HTTP/1.1", f"Host: 127.0.0.1:{asked['port']}", "Content-Type: application/json"]
    head += [f"{name}: {value}" for name, value in asked.get("headers", {}).items()]
    head.append(f"Content-Length: {len(body)}")
    load = Load(
        ("\r\n".join(head) + "\r\n\r\n").encode() + body,
        connections=asked["connections"],
        seconds=asked.get("seconds", 1e9),
        requests=asked.get("requests", 10**12),
        rate=asked.get("rate", 0.0),
    )
    load.keep = asked.get("keep", False)
    loop = asyncio.get_running_loop()
    for _ in range(asked["connections"]):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", asked["port"])
    await load.done
    took = time.perf_counter() - load.began
    found = sorted(load.latencies) or [float("nan")]
    return {
        "requests": len(load.latencies),
        "failed": load.failed,
        "seconds": took,
        "p50_ms": found[len(found) // 2] * 1000,
        "p99_ms": found[int(len(found) * 0.99)] * 1000,
        "answers": load.answers,
        "last": load.last.decode(errors="replace"),
    }


if __name__ == "__main__":
    uvloop.install()
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
