"""Nothing gets past the guard that is not allowed by name."""

from typing import Any

import httpx
import pytest

from app.domain.workspace import Workspace
from app.gateway.app import Gateway
from app.gateway.security import Guard
from app.gateway.settings import Settings
from app.store.engine import Store
from tests.gateway.conftest import TOKEN

URL = "http://127.0.0.1:8000"


def browse(gateway: Gateway, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=gateway.asgi, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)


async def test_every_path_and_method_needs_the_token(gateway: Gateway) -> None:
    paths = ("/ready", "/metrics", "/openapi.json", "/docs", "/predict/x", "/", "/nowhere", "/health/", "//health")
    methods = ("GET", "POST", "OPTIONS", "HEAD", "TRACE", "BREW")

    async with browse(gateway) as client:
        answers = {(path, method): await client.request(method, f"{URL}{path}") for path in paths for method in methods}

    assert {key: answer.status_code for key, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {"Bearer"}


@pytest.mark.parametrize(
    "credential", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN]
)
async def test_a_wrong_credential_is_no_credential(gateway: Gateway, credential: str) -> None:
    async with browse(gateway, authorization=credential) as client:
        assert (await client.get("/ready")).status_code == 401


async def test_health_is_open_but_not_to_foreign_hosts_or_pages(gateway: Gateway) -> None:
    async with browse(gateway) as client:
        plain = await client.get("/health")
        foreign = await client.get("/health", headers={"host": "evil.example"})
        page = await client.get("/health", headers={"origin": "http://evil.example"})
        null = await client.get("/health", headers={"origin": "null"})

    assert (plain.status_code, foreign.status_code, page.status_code, null.status_code) == (200, 421, 403, 403)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:8000"])
async def test_loopback_names_are_hosts(gateway: Gateway, host: str) -> None:
    async with browse(gateway) as client:
        assert (await client.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "localhost@evil", "127.0.0.1:80:80", "10.0.0.1", "é"])
async def test_names_that_only_look_like_loopback_are_not(gateway: Gateway, host: str) -> None:
    async with browse(gateway) as client:
        assert (await client.get("/health", headers={b"host": host.encode()})).status_code == 421


async def test_websockets_are_closed() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError("reached")

    await Guard(never, token=TOKEN)({"type": "websocket", "headers": [], "path": "/health"}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_more_than_the_allowed_number_at_once_is_refused_with_retry_after() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        answer = await httpx.AsyncClient(transport=httpx.ASGITransport(app=guard), base_url=URL).get(
            "/x", headers={"authorization": f"Bearer {TOKEN}"}
        )
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(slow, token=TOKEN, max_in_flight=1)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=guard), base_url=URL) as client:
        answer = await client.get("/x", headers={"authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 204


def test_an_empty_token_opens_nothing() -> None:
    async def app(*_: Any) -> None: ...

    with pytest.raises(ValueError, match="empty"):
        Guard(app, token="")


async def test_a_page_of_the_allow_list_may_ask_with_the_token_and_no_other_page(
    workspace: Workspace, store: Store
) -> None:
    settings = Settings(hosts=("models.example",), origins=("https://board.example",))
    gateway = Gateway(workspace, store, token=TOKEN, settings=settings)
    page = {"origin": "https://board.example", "host": "models.example:9000"}

    async with browse(gateway, authorization=f"Bearer {TOKEN}") as client:
        listed = await client.get("/version", headers=page)
        other = await client.get("/version", headers={**page, "origin": "https://board.example.evil"})
    async with browse(gateway) as client:
        preflight = await client.options("/predict/x", headers=page)
        no_token = await client.get("/version", headers=page)
        foreign = await client.options("/predict/x", headers={**page, "origin": "null"})

    assert (listed.status_code, other.status_code, no_token.status_code) == (200, 403, 401)
    assert listed.headers["access-control-allow-origin"] == "https://board.example"
    assert (preflight.status_code, foreign.status_code) == (204, 403)
    assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"
