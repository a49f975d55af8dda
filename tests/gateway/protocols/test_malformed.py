"""The same malformed bodies in every protocol: a 4xx that names the field, repeats no value, and shows no trace."""

from typing import Any

import httpx
import orjson
import pytest

from app.gateway.app import Gateway
from tests.gateway.conftest import RECORD, Promote, package

PLAIN, MLFLOW, OPEN = "/predict/flight-delay", "/invocations", "/v2/models/flight-delay/infer"
PATHS = (PLAIN, MLFLOW, OPEN)


@pytest.fixture(autouse=True)
def _ready(gateway: Gateway, promote: Promote) -> None:
    promote(1, package(0.3))
    gateway.models.look()


def body(path: str, record: dict[str, Any]) -> bytes:
    """A record in the words of a protocol; NaN as Python's own JSON writes it."""
    import json

    if path == OPEN:
        kinds = {"hour": "FP64", "carrier": "BYTES"}
        inputs = [
            {"name": name, "shape": [1], "datatype": kinds.get(name, "FP64"), "data": [value]}
            for name, value in record.items()
        ]
        return json.dumps({"inputs": inputs}).encode()
    return json.dumps({"dataframe_records": [record]} if path == MLFLOW else record).encode()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hour": "s3cr3t"}, "hour"),
        ({"hour": {"s3cr3t": 1}}, "hour"),
        ({"hour": True}, "hour"),
        ({"carrier": ["s3cr3t"]}, "carrier"),
        ({"carrier": 1.5}, "carrier"),
        ({"carrier": "s3cr3t" * 1000}, "carrier"),
        ({"hours": 3}, "hours"),
        ({"hour": ...}, "hour"),
    ],
    ids=range(8),
)
async def test_a_wrong_field_is_named(client: httpx.AsyncClient, path: str, change: dict[str, Any], field: str) -> None:
    record = {key: value for key, value in {**RECORD, **change}.items() if value is not ...}

    answer = await client.post(path, content=body(path, record), headers={"content-type": "application/json"})

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["field"] == field
    assert "s3cr3t" not in answer.text


@pytest.mark.parametrize("path", PATHS)
async def test_the_largest_numbers_are_answered_and_what_is_none_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = {"content-type": "application/json"}

    large = await client.post(path, content=body(path, {**RECORD, "hour": 1e308}), headers=headers)
    refused = [
        await client.post(path, content=body(path, {**RECORD, "hour": value}), headers=headers)
        for value in (float("nan"), float("inf"), 10**400)
    ]

    assert large.status_code == 200
    assert all(400 <= answer.status_code < 500 for answer in refused), [answer.text for answer in refused]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "application/json", {400}),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "application/json", {400}),
        (b"", "application/json", {400}),
        (b"\xff\xfe{", "application/json", {400}),
        (b"{}", "application/x-pickle", {415}),
        (b"{}", "text/html; charset=utf-8", {415}),
        (b'{"a": 1}' * 200_000, "application/json", {413}),
    ],
    ids=range(7),
)
async def test_a_body_that_is_none_is_refused(
    client: httpx.AsyncClient, path: str, content: bytes, media: str, status: set[int]
) -> None:
    answer = await client.post(path, content=content, headers={"content-type": media})

    assert answer.status_code in status, answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/predict/nosuch", "/invocations/nosuch", "/v2/models/nosuch/infer", "/v2/models/flight-delay/versions/9/infer"],
)
async def test_an_unknown_model_or_version_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=orjson.dumps(RECORD), headers={"content-type": "application/json"})

    assert answer.status_code == 404
    assert answer.json()["error"]
