"""The Open Inference Protocol v2, in its words."""

import struct
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.gateway.app import Gateway
from app.gateway.models import Served
from app.gateway.protocols.open_inference import OPEN_INFERENCE
from app.gateway.records import Malformed, check_records
from tests.gateway.conftest import Promote, package

INFER = "/v2/models/flight-delay/infer"
HOUR = {"name": "hour", "datatype": "FP64", "shape": [2], "data": [9.0, None]}
CARRIER = {"name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["AA", "never seen"]}


@pytest.fixture
def ready(gateway: Gateway, promote: Promote) -> Gateway:
    promote(1, package(0.3))
    gateway.models.look()
    return gateway


@pytest.mark.usefixtures("ready")
async def test_health_and_metadata_are_those_of_the_protocol(client: httpx.AsyncClient) -> None:
    paths = ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/flight-delay", "/v2/models/flight-delay/ready")

    server, live, is_ready, model, model_ready = [(await client.get(path)).json() for path in paths]

    assert server["name"] == "trainmaster"
    assert (live, is_ready) == ({"live": True}, {"ready": True})
    assert model["inputs"] == [
        {"name": "hour", "datatype": "FP64", "shape": [-1]},
        {"name": "carrier", "datatype": "BYTES", "shape": [-1]},
    ]
    assert model["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
    assert (model["versions"], model_ready) == (["1"], {"name": "flight-delay", "ready": True})


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("shape", [[2], [2, 1]])
async def test_flat_and_nested_tensors_are_answered_alike_and_the_id_is_echoed(
    client: httpx.AsyncClient, shape: list[int]
) -> None:
    nested = len(shape) == 2
    tensors = [
        {**tensor, "shape": shape, "data": [[one] for one in tensor["data"]] if nested else tensor["data"]}
        for tensor in (HOUR, CARRIER)
    ]

    answer = await client.post(INFER, json={"id": "mine", "inputs": tensors, "outputs": [{"name": "predict"}]})

    found = answer.json()
    assert answer.status_code == 200
    assert (found["model_name"], found["model_version"], found["id"]) == ("flight-delay", "1", "mine")
    assert found["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [2], "data": [pytest.approx(0.3)] * 2}]
    assert found["parameters"]["feature_set_version"] == 4
    assert answer.headers["x-request-id"] == found["parameters"]["request_id"]


@pytest.mark.usefixtures("ready")
async def test_binary_tensors_are_read(client: httpx.AsyncClient) -> None:
    hours = struct.pack("<2f", 9.0, 10.0)
    texts = b"".join(len(one).to_bytes(4, "little") + one for one in (b"AA", b"UA"))
    document = orjson.dumps(
        {
            "inputs": [
                {"name": "hour", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": len(hours)}},
                {"name": "carrier", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(texts)}},
            ]
        }
    )

    answer = await client.post(
        INFER,
        content=document + hours + texts,
        headers={"content-type": "application/octet-stream", "inference-header-content-length": str(len(document))},
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["shape"] == [2]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [3]}, "inputs"),
        ({"inputs": [HOUR, HOUR]}, "hour"),
        ({"inputs": [HOUR]}, "carrier"),
        ({"inputs": [{**HOUR, "shape": [3]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "shape": [-1]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "shape": [2, 2]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "datatype": "STRING"}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "datatype": ["FP64"]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "data": ["s3cr3t", "s3cr3t"]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "data": [[1], [2, 3]], "shape": [2, 1]}, CARRIER]}, "hour"),
        ({"inputs": [{**HOUR, "shape": [1], "data": [1]}, CARRIER]}, "inputs"),
        ({"inputs": [HOUR, CARRIER], "outputs": [{"name": "other"}]}, "outputs"),
        ({"inputs": [HOUR, CARRIER], "id": 3}, "id"),
        ({"inputs": [{"name": "matrix", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]}, "matrix"),
    ],
)
async def test_a_wrong_body_is_a_400_whose_error_object_names_the_tensor(
    client: httpx.AsyncClient, document: dict[str, Any], field: str
) -> None:
    answer = await client.post(INFER, json=document)

    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)
    assert answer.json()["field"] == field
    assert "s3cr3t" not in answer.text


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("path", ["/v2/models/nosuch", "/v2/models/flight-delay/versions/7", "/v2/models/nosuch/ready"])
async def test_unknown_models_and_versions_are_404(client: httpx.AsyncClient, path: str) -> None:
    asked = await client.get(path)
    inferred = await client.post(f"{path.removesuffix('/ready')}/infer", json={"inputs": [HOUR, CARRIER]})

    assert (asked.status_code, inferred.status_code) == (404, 404)
    assert asked.json().keys() == {"error"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["hour", "carrier", "x"]) | JSON,
        "datatype": st.sampled_from(["FP64", "BYTES", "INT8"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data": st.lists(JSON, max_size=4) | JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-2, 9) | JSON}) | JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.fixed_dictionaries(
        {}, optional={"inputs": st.lists(TENSORS, max_size=3) | JSON, "id": JSON, "outputs": JSON}
    ),
    tail=st.binary(max_size=12),
    cut=st.integers(-1, 400) | st.none(),
)
def test_no_body_is_more_than_malformed(ready: Gateway, document: dict[str, Any], tail: bytes, cut: int | None) -> None:
    try:
        body = orjson.dumps(document) + tail
    except (orjson.JSONEncodeError, TypeError):
        return
    served: Served = ready.models.current["flight-delay"]
    headers = {} if cut is None else {"inference-header-content-length": str(cut)}

    status = 400
    try:
        asked = OPEN_INFERENCE.read(body, headers, served)
        check_records(asked.records, served.fields)
    except Malformed as refusal:
        status = refusal.status
    assert 400 <= status < 500
