"""MLflow's scoring protocol: four JSON forms, CSV, named and positional rows."""

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.gateway.app import Gateway
from app.gateway.protocols.mlflow import FORMS, MLFLOW
from app.gateway.records import Malformed, check_records
from tests.gateway.conftest import Promote, package
from tests.gateway.protocols.test_open_inference import JSON

ROWS = [{"hour": 9, "carrier": "AA"}, {"hour": None, "carrier": "never seen"}]
SPLIT = {"columns": ["carrier", "hour"], "data": [["AA", 9], ["never seen", None]]}
GOOD = [
    {"dataframe_split": SPLIT},
    {"dataframe_split": {**SPLIT, "index": [0, 1]}, "params": {"a": 1}},
    {"dataframe_records": ROWS},
    {"instances": ROWS},
    {"instances": [[9, "AA"], [None, "never seen"]]},
    {"inputs": [[9, "AA"], [None, "never seen"]]},
    {"inputs": {"hour": [9, None], "carrier": ["AA", "never seen"]}},
]


@pytest.fixture
def ready(gateway: Gateway, promote: Promote) -> Gateway:
    promote(1, package(0.3))
    gateway.models.look()
    return gateway


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("path", ["/invocations", "/invocations/flight-delay"])
@pytest.mark.parametrize("document", GOOD, ids=lambda one: orjson.dumps(one).decode()[:44])
async def test_every_json_form_is_answered(client: httpx.AsyncClient, path: str, document: dict[str, Any]) -> None:
    answer = await client.post(path, json=document)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": [pytest.approx(0.3)] * 2}
    assert answer.headers["x-model-version"] == "1"


@pytest.mark.usefixtures("ready")
async def test_csv_with_a_header_is_answered(client: httpx.AsyncClient) -> None:
    body = 'carrier,hour\r\n"A,""A",9\r\nAA,\r\n'

    answer = await client.post("/invocations", content=body, headers={"content-type": "text/csv; charset=utf-8"})

    assert answer.json() == {"predictions": [pytest.approx(0.3)] * 2}


@pytest.mark.usefixtures("ready")
async def test_ping_is_a_newline_and_version_a_text(client: httpx.AsyncClient) -> None:
    ping, version = await client.get("/ping"), await client.get("/version")

    assert (ping.status_code, ping.content) == (200, b"\n")
    assert version.text.startswith("trainmaster ")


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "exactly one of"),
        ({"instances": ROWS, "inputs": ROWS}, "exactly one of"),
        ({"instances": ROWS, "s3cr3t": 1}, "an unknown field"),
        ({"instances": []}, "there is no row"),
        ({"instances": 3}, "must be a list of rows"),
        ({"instances": [[1]]}, "1 values for 2 columns"),
        ({"instances": [{"hour": 1}]}, "a field is missing"),
        ({"instances": [{"hour": 1, "carrier": "AA", "x": 1}]}, "does not read"),
        ({"dataframe_records": [[1, 2]]}, "must be a list of objects"),
        ({"dataframe_split": [1]}, "needs columns and data"),
        ({"dataframe_split": {**SPLIT, "more": 1}}, "beside columns"),
        ({"dataframe_split": {"columns": ["hour", "hour"], "data": [[1, 2]]}}, "texts that differ"),
        ({"inputs": {"hour": [1, 2], "carrier": ["AA"]}}, "number of rows"),
        ({"inputs": [["nine", "AA"]]}, "must be a number"),
    ],
)
async def test_a_wrong_body_is_a_400_with_its_reason(
    client: httpx.AsyncClient, document: dict[str, Any], says: str
) -> None:
    answer = await client.post("/invocations", json=document)

    assert answer.status_code == 400
    assert says in answer.json()["error"]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"hour,carrier\nnine,AA\n", "text/csv", 400),
        (b"hour,carrier\n1\n", "text/csv", 400),
        (b"\xff\xfe", "text/csv", 400),
        (b"", "text/csv", 400),
        (b"{", "application/json", 400),
        (b"{}", "application/x-pickle", 415),
    ],
)
async def test_other_bodies_are_refused(client: httpx.AsyncClient, body: bytes, media: str, status: int) -> None:
    answer = await client.post("/invocations", content=body, headers={"content-type": media})

    assert answer.status_code == status


async def test_without_a_model_it_says_that_it_cannot_answer(client: httpx.AsyncClient, gateway: Gateway) -> None:
    gateway.models.look()

    ping, asked = await client.get("/ping"), await client.post("/invocations", json={"instances": ROWS})

    assert (ping.status_code, asked.status_code) == (503, 503)


VALUES = st.fixed_dictionaries(
    {},
    optional={
        **{form: JSON | st.lists(st.lists(JSON, max_size=3), max_size=3) for form in FORMS},
        "dataframe_split": st.fixed_dictionaries({"columns": JSON, "data": JSON}) | JSON,
        "params": JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=VALUES, text=st.text(max_size=40), as_csv=st.booleans())
def test_no_body_is_more_than_malformed(ready: Gateway, document: dict[str, Any], text: str, as_csv: bool) -> None:
    try:
        body = text.encode() if as_csv else orjson.dumps(document)
    except (orjson.JSONEncodeError, TypeError, UnicodeEncodeError):
        return
    served = ready.models.current["flight-delay"]

    status = 400
    try:
        asked = MLFLOW.read(body, {"content-type": "text/csv" if as_csv else "application/json"}, served)
        check_records(asked.records, served.fields)
    except Malformed as refusal:
        status = refusal.status
    assert 400 <= status < 500
