"""What the gateway answers, and what it refuses."""

import asyncio
from typing import Any

import httpx
import pyarrow.parquet
import pytest

from app.domain.workspace import Workspace
from app.gateway.app import Gateway
from app.store.engine import Store
from tests.gateway.conftest import RECORD, Promote, package

HOSTILE = "\x1b]52;c;aGk=\x07[/x][@click=app.quit]"


async def test_one_record_a_list_and_records_are_answered_alike(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    answers = [
        (await client.post("/predict/flight-delay", json=body)).json()
        for body in (RECORD, [RECORD], {"records": [RECORD]})
    ]

    assert [answer["predictions"] for answer in answers] == [[pytest.approx(0.3)]] * 3
    assert {answer["version"] for answer in answers} == {1}
    assert answers[0]["model"] == "flight-delay"
    assert answers[0]["feature_set_version"] == 4
    assert answers[0]["classes"] == ["0", "1"]
    assert len({answer["request_id"] for answer in answers}) == 3


async def test_unknown_categories_and_nulls_are_answered(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    answer = await client.post(
        "/predict/flight-delay", json=[{"hour": None, "carrier": HOSTILE}, {"hour": 1e308, "carrier": None}]
    )

    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"   ", 400, None),
        (b"{", 400, None),
        (b"\xff\xfe{}", 400, None),
        (b'{"hour": NaN, "carrier": "AA"}', 400, None),
        (b'{"hour": Infinity, "carrier": "AA"}', 400, None),
        (b'{"hour": 1e999, "carrier": "AA"}', (400, 422), None),
        (b"[" * 100_000, 400, None),
        (b"null", 422, None),
        (b"3", 422, None),
        (b'"text"', 422, None),
        (b"[]", 422, "records"),
        (b"[1]", 422, None),
        (b'{"records": 1}', 422, "records"),
        (b'{"records": [], "more": 1}', 422, "records"),
        (b"{}", 422, "hour"),
        (b'{"hour": 1}', 422, "carrier"),
        (b'{"hour": 1, "carrier": "AA", "secret-value": "s3cr3t"}', 422, "secret-value"),
        (b'{"hour": "9 s3cr3t", "carrier": "AA"}', 422, "hour"),
        (b'{"hour": true, "carrier": "AA"}', 422, "hour"),
        (b'{"hour": [1], "carrier": "AA"}', 422, "hour"),
        (b'{"hour": 1, "carrier": {"a": "s3cr3t"}}', 422, "carrier"),
        (b'{"hour": 1, "carrier": 1.5}', 422, "carrier"),
        (b'{"hour": 1, "carrier": "' + b"s3cr3t" * 1000 + b'"}', 422, "carrier"),
        (b'{"hour": 1, "carrier": "AA", "\\u001b]52;c": 1}', 422, "?]52;c"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_malformed_body_is_refused_with_its_field_and_no_echo(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote, body: bytes, status: Any, field: str | None
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    answer = await client.post("/predict/flight-delay", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (status if isinstance(status, tuple) else (status,))
    assert answer.json().get("field") == field or isinstance(status, tuple)
    assert answer.json()["error"]
    assert "s3cr3t" not in answer.text
    assert "Traceback" not in answer.text
    assert "\x1b" not in answer.text


async def test_other_media_types_and_large_bodies_are_refused(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    async def pieces() -> Any:
        for _ in range(20):
            yield b"[" + b" " * 99_999

    text = await client.post("/predict/flight-delay", content=b"a=1", headers={"content-type": "text/plain"})
    declared = await client.post("/predict/flight-delay", content=b" " * 1_000_001)
    streamed = await client.post("/predict/flight-delay", content=pieces())

    assert (text.status_code, declared.status_code, streamed.status_code) == (415, 413, 413)


async def test_unknown_projects_are_404_and_unpromoted_ones_503(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    gateway.models.look()

    unknown = await client.post("/predict/other", json=RECORD)
    waiting = await client.post("/predict/flight-delay", json=RECORD)

    assert unknown.status_code == 404
    assert waiting.status_code == 503
    assert int(waiting.headers["retry-after"]) > 0
    assert promote is not None


async def test_a_version_that_cannot_be_loaded_leaves_the_old_one_answering(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    promote(2, package(0.6, canary_answer=0.1))

    gateway.models.look()
    answer, ready = await client.post("/predict/flight-delay", json=RECORD), await client.get("/ready")

    assert answer.json()["version"] == 1
    assert ready.status_code == 503
    assert "canary" in ready.json()["projects"]["flight-delay"]["problem"]

    promote(3, package(0.6))
    gateway.models.look()

    assert (await client.post("/predict/flight-delay", json=RECORD)).json()["version"] == 3
    assert (await client.get("/ready")).status_code == 200


@pytest.mark.parametrize(
    "change",
    ["content || x'00'", "x'80045d942e'", "substr(content, 1, 40)", "replace(content, 'tree', 'tref')"],
    ids=["longer", "pickled", "truncated", "swapped"],
)
async def test_damaged_bytes_never_reach_the_parser_and_never_answer(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote, store: Store, change: str
) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    promote(2, package(0.6))
    with store.write() as session:
        session.connection().exec_driver_sql(
            f"UPDATE chunk SET content = CAST({change} AS BLOB) "
            "WHERE artifact = (SELECT model_bytes FROM model_version WHERE version = 2)"
        )

    gateway.models.look()
    answer, ready = await client.post("/predict/flight-delay", json=RECORD), await client.get("/ready")

    assert answer.json()["version"] == 1
    assert "digest" in ready.json()["projects"]["flight-delay"]["problem"]


async def test_answers_are_logged_with_version_and_inputs(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote, workspace: Workspace
) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    gateway.log.start()
    answer = (await client.post("/predict/flight-delay", json=[RECORD, {**RECORD, "carrier": HOSTILE}])).json()

    await asyncio.to_thread(gateway.log.close)

    (part,) = workspace.predictions.glob("flight-delay/*/part-*.parquet")
    rows = pyarrow.parquet.read_table(part).to_pylist()
    assert [row["row"] for row in rows] == [0, 1]
    assert {row["request_id"] for row in rows} == {answer["request_id"]}
    assert {row["version"] for row in rows} == {1}
    assert rows[0]["score"] == pytest.approx(0.3)
    assert rows[0]["inputs"] == '{"hour":9.0,"carrier":"AA"}'


async def test_metrics_count_answers_by_status(client: httpx.AsyncClient, gateway: Gateway, promote: Promote) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    await client.post("/predict/flight-delay", json=RECORD)
    await client.post("/predict/flight-delay", json={})

    text = (await client.get("/metrics")).text

    assert 'trainmaster_gateway_requests_total{project="flight-delay",status="200"} 1.0' in text
    assert 'trainmaster_gateway_requests_total{project="flight-delay",status="422"} 1.0' in text
    assert 'trainmaster_gateway_model_version{project="flight-delay"} 1.0' in text


async def test_the_openapi_page_names_the_fields_of_what_answers_now(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    page = (await client.get("/openapi.json")).json()

    body = page["paths"]["/predict/flight-delay"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["anyOf"][0]["properties"]) == {"hour", "carrier"}


async def test_no_answer_is_mixed_while_versions_change_under_load(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    expected = {1: 0.2, 2: 0.7}
    promote(1, package(0.2))
    promote(2, package(0.7))
    gateway.models.look()
    answers: list[dict[str, Any]] = []
    done = asyncio.Event()

    async def ask_on() -> None:
        while not done.is_set():
            answer = await client.post("/predict/flight-delay", json=[RECORD] * 3)
            assert answer.status_code == 200
            answers.append(answer.json())
            await asyncio.sleep(0)

    askers = [asyncio.create_task(ask_on()) for _ in range(4)]
    for version in (1, 2) * 5:
        await asyncio.to_thread(promote, version)
        await asyncio.to_thread(gateway.models.look)
        await asyncio.sleep(0.02)
    done.set()
    await asyncio.gather(*askers)

    assert {answer["version"] for answer in answers} == {1, 2}
    assert all(answer["predictions"] == [pytest.approx(expected[answer["version"]])] * 3 for answer in answers)
