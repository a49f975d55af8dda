"""The fast lane answers what is plain, leaves all else to the usual way, and waits for nobody for ever."""

import asyncio
import json
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.gateway.app import Gateway
from app.gateway.lane import Lane
from tests.gateway.conftest import RECORD, TOKEN, Promote, package

BODY = json.dumps(RECORD).encode()
HEAD = {
    "Host": "127.0.0.1:8000",
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "User-Agent": "tests",
}


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
def served(gateway: Gateway, promote: Promote) -> Gateway:
    """A gateway with version 1 in production."""
    promote(1, package(0.3))
    gateway.models.look()
    return gateway


def connect(gateway: Gateway) -> tuple[Lane, Wire]:
    config = uvicorn.Config(gateway.asgi, lifespan="off", ws="none", access_log=False, log_level="critical")
    lane, wire = Lane(gateway, config=config, server_state=ServerState(), app_state={}), Wire()
    lane.connection_made(wire)
    return lane, wire


def request(body: bytes = BODY, path: str = "/predict/flight-delay", **headers: str) -> bytes:
    fields = HEAD | {"Content-Length": str(len(body))} | {k.replace("_", "-"): v for k, v in headers.items()}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def told(wire: Wire) -> tuple[int, dict[str, Any]]:
    """The status and the document of the answer, when it is there."""
    for _ in range(200):
        if b"\r\n\r\n" in wire.sent:
            break
        await asyncio.sleep(0.005)
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body or b"{}")


async def test_the_lane_and_the_usual_way_give_the_same_answer(served: Gateway) -> None:
    fast, slow = connect(served), connect(served)

    fast[0].data_received(request())
    at_once = bytes(fast[1].sent)
    slow[0].data_received(request(X_Unusual="1"))

    assert at_once.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not slow[1].sent
    (status, answer), (_, other) = await told(fast[1]), await told(slow[1])
    assert status == 200
    assert answer.pop("request_id") != other.pop("request_id")
    assert answer == other
    assert served.log.queued_rows == 2


async def test_many_records_and_pieces_of_a_body_take_the_lane(served: Gateway) -> None:
    lane, wire = connect(served)
    body = json.dumps({"records": [RECORD, {"hour": None, "carrier": "never seen"}]}).encode()
    whole = request(body)

    for at in range(0, len(whole), 300):
        lane.data_received(whole[at : at + 300])

    status, answer = await told(wire)
    assert (status, len(answer["predictions"])) == (200, 2)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(Authorization="Bearer wrong"), 401),
        (request(Authorization=""), 401),
        (request(Host="evil.example"), 421),
        (request(Origin="http://evil.example"), 403),
        (request(Content_Type="text/plain"), 415),
        (request(path="/predict/unknown"), 404),
        (request(b'{"hour": "9", "carrier": "AA"}'), 422),
        (request(b'{"hour": 1}'), 422),
        (request(b'{"hour": true, "carrier": "AA"}'), 422),
        (request(b'{"hour": 1, "carrier": "' + b"x" * 1001 + b'"}'), 422),
        (request(b'{"hour": NaN, "carrier": "AA"}'), 400),
        (request(b'{"hour": 1e999, "carrier": "AA"}'), 400),
        (request(b"[" * 50_000), 400),
        (request(Content_Length="99999999"), 413),
        (request(Content_Length="1, 2"), 400),
        (request(b"zz\r\n\r\n", Transfer_Encoding="chunked"), 400),
        (request().replace(b"\r\nHost:", b"\r\nHost: 127.0.0.1\r\nHost:"), 400),
        (request(User_Agent="tests\nOrigin: http://evil.example"), 403),
        (b"POST /predict/flight-delay HTTP/1.1\r\n no: fold\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00" * 20 + b"\r\n\r\n", 400),
    ],
    ids=range(20),
)
async def test_any_doubt_is_refused_as_everywhere(served: Gateway, data: bytes, status: int) -> None:
    lane, wire = connect(served)

    lane.data_received(data)

    for _ in range(200):
        if wire.sent:
            break
        await asyncio.sleep(0.005)
    assert int(wire.sent.split()[1]) == status, wire.sent[:300]
    assert served.log.queued_rows == 0


async def test_requests_on_one_connection_are_answered_in_order_whatever_way_they_take(served: Gateway) -> None:
    lane, wire = connect(served)

    lane.data_received(request() + request(b'{"hour": 1}'))  # pipelined: the usual way
    for _ in range(200):
        if wire.sent.count(b"HTTP/1.1") == 2:
            break
        await asyncio.sleep(0.005)
    lane.data_received(request())

    statuses = [int(part.split()[0]) for part in wire.sent.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 422, 200]


async def test_a_request_that_does_not_arrive_is_overdue_and_a_silent_connection_too(served: Gateway) -> None:
    loris, body, silent, usual = (connect(served) for _ in range(4))
    now = asyncio.get_running_loop().time()
    loris[0].data_received(b"POST /predict/fl")
    body[0].data_received(request()[:-5])
    usual[0].data_received(request(X_Unusual="1")[:-5])

    def overdue(after_s: float) -> list[bool]:
        lanes = (loris, body, silent, usual)
        return [lane.is_overdue(now + after_s, request_s=10, idle_s=60) for lane, _ in lanes]

    await asyncio.sleep(0)
    assert overdue(5) == [False] * 4
    assert overdue(11) == [True, True, False, False]  # the last one's body has a limit of its own
    assert overdue(61) == [True, True, True, False]
    loris[0].end()
    assert loris[1].sent.startswith(b"HTTP/1.1 408")
    assert loris[1].closed


async def test_more_connections_than_allowed_get_503_with_retry_after(served: Gateway) -> None:
    object.__setattr__(served, "settings", served.settings.model_copy(update={"connections": 1}))
    first, second = connect(served), connect(served)

    assert not first[1].sent
    assert second[1].sent.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in second[1].sent
    assert second[1].closed
    assert json.loads(second[1].sent.partition(b"\r\n\r\n")[2])["error"]


async def test_a_swap_changes_what_the_lane_answers_at_once(served: Gateway, promote: Promote) -> None:
    lane, wire = connect(served)
    lane.data_received(request())
    promote(2, package(0.8))
    served.models.look()

    wire.sent = b""
    lane.data_received(request())

    _, answer = await told(wire)
    assert (answer["version"], answer["predictions"]) == (2, [pytest.approx(0.8)])
