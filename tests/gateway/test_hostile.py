"""A megabyte and terminal codes as fields of requests: answered or refused, never repeated, and the process goes on."""

import json
from typing import Any

import httpx
import pytest

from app.gateway.app import Gateway
from tests.gateway.conftest import RECORD, TOKEN, Promote, package

CODES = "\x1b]52;c;aGk=\x07\x9b31m\u202e[/x][@click=app.quit]"
BIG = "s3cr3t" * 150_000


@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "raw"])
@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ({**RECORD, "carrier": CODES}, {200, 400}),
        ({**RECORD, "carrier": BIG}, {413, 422}),
        ({**RECORD, "hour": CODES}, {400, 422}),
        ({**RECORD, "hour": BIG}, {422}),
        ({**RECORD, CODES: 1}, {400, 422}),
        ({**RECORD, "n" * 900_000: 1}, {422}),
        ({CODES: {CODES: [CODES]}}, {400, 422}),
        ([{**RECORD, "carrier": CODES}] * 100, {200, 400}),
        ({"records": CODES}, {400, 422}),
        (CODES, {400, 422}),
        (BIG, {422}),
        ({**RECORD, "hour": int("9" * 4000)}, {400, 422}),
        ({**RECORD, "carrier": "\ud800"}, {200, 400, 422}),
    ],
    ids=range(13),
)
async def test_hostile_fields_are_answered_or_refused_and_never_repeated(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote, body: Any, statuses: set[int], escaped: bool
) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    content = json.dumps(body, ensure_ascii=escaped).encode(errors="surrogatepass")

    answer = await client.post("/predict/flight-delay", content=content, headers={"content-type": "application/json"})
    after = await client.post("/predict/flight-delay", json=RECORD)

    expected = statuses if escaped else statuses | {400}
    assert answer.status_code in expected, answer.text[:300]
    assert_harmless(answer)
    assert (after.status_code, after.json()["predictions"]) == (200, [pytest.approx(0.3)])


@pytest.mark.parametrize(
    "path", ["/predict/%1b%5d52;c;aGk=%07", f"/predict/{'s3cr3t' * 8_000}", "/%1b%5b2J/s3cr3t"], ids=range(3)
)
async def test_a_hostile_path_is_not_found_and_not_repeated(
    client: httpx.AsyncClient, gateway: Gateway, path: str
) -> None:
    gateway.models.look()

    answer = await client.post(path, json=RECORD)

    assert answer.status_code == 404
    assert_harmless(answer)


async def test_a_hostile_header_is_refused_and_not_repeated(client: httpx.AsyncClient, gateway: Gateway) -> None:
    headers = {"x-request-id": "\x1b]52;c;s3cr3t\x07", "user-agent": "\x1b[2J" + "s3cr3t" * 5000}

    wrong = await client.get("/metrics", headers={**headers, "authorization": "Bearer \x1b]52;s3cr3t"})
    right = await client.get("/metrics", headers={**headers, "authorization": f"Bearer {TOKEN}"})

    assert (wrong.status_code, right.status_code) == (401, 200)
    assert_harmless(wrong)
    assert_harmless(right)


def assert_harmless(answer: httpx.Response) -> None:
    """No value of the request stands in the answer (the beginning of a field's name may), and no control character."""
    said = answer.content + b"".join(name + value for name, value in answer.headers.raw)
    assert b"s3cr3t" not in said
    assert b"aGk=" not in said.replace(b"?]52;c;aGk=?", b"")
    assert not {byte for byte in said.replace(b"\n", b"") if byte < 32 or byte == 127}
    assert len(said) < 10_000
