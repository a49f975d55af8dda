"""Every path of the OpenAPI page, asked with what fits its schema and with what does not: never a 5xx, as it says."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from app.domain.workspace import Workspace
from app.features.online import OnlineView, RowSet, micros
from app.features.online_sqlite import SqliteOnline
from app.gateway.app import Gateway
from app.gateway.openapi import describe
from tests.gateway.conftest import RECORD, TOKEN, Promote, package

EXAMPLES = 6
HEADERS = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1"}
quiet = settings(
    max_examples=EXAMPLES,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@pytest.fixture
def client(gateway: Gateway, promote: Promote, workspace: Workspace) -> TestClient:
    """A gateway whose model answers, and one flight online."""
    now = datetime.now(UTC)
    store = SqliteOnline(workspace.online_file)
    view = OnlineView(
        "flight-delay", "schedule", False, ("flight",), ("text",), ("hour", "carrier"), ("number", "category"),
        "at", None, None, 5, "", 1, 0, now.isoformat(),
    )  # fmt: skip
    rows = [("f1", micros(now - timedelta(hours=1)), None, 9.0, "AA")]
    store.publish("flight-delay", [RowSet(view, rows)], now=now)
    store.close()
    promote(1, package(0.3))
    gateway.models.look()
    return TestClient(gateway.asgi, base_url="http://127.0.0.1", headers=HEADERS, raise_server_exceptions=False)


def test_the_page_names_every_route_with_its_refusals(client: TestClient, gateway: Gateway) -> None:
    page = client.get("/openapi.json").json()

    routes = {
        route.path
        for route in gateway.asgi.app.router.routes  # type: ignore[attr-defined]
        if not route.path.startswith(("/docs", "/openapi"))
    }
    assert routes <= set(page["paths"])
    assert set(page["paths"]["/predict/flight-delay"]["post"]["responses"]) >= {
        "200",
        "404",
        "409",
        "413",
        "422",
        "503",
    }


def test_no_request_that_the_page_describes_or_forbids_is_answered_with_a_5xx(
    client: TestClient, gateway: Gateway
) -> None:
    schema = schemathesis.openapi.from_dict(describe(gateway.models.current))

    operations: list[Any] = [found.ok() for found in list[Any](schema.get_all_operations())]
    statuses = {(one.path, mode): statuses_of(client, one, mode) for one in operations for mode in GenerationMode}

    assert len(statuses) > 30
    assert 200 in statuses["/predict/flight-delay", GenerationMode.POSITIVE]
    assert statuses["/predict/flight-delay", GenerationMode.NEGATIVE] <= {200, 400, 404, 405, 411, 413, 415, 422}


def statuses_of(client: TestClient, operation: Any, mode: GenerationMode) -> set[int]:
    """The statuses of what an operation answers to requests that fit its schema, or that do not."""
    seen: set[int] = set()

    @quiet
    @given(case=operation.as_strategy(mode))
    def asked(case: Any) -> None:
        wanted = case.as_transport_kwargs(base_url="http://127.0.0.1")
        kept = {name: wanted[name] for name in ("method", "url", "json", "params") if wanted.get(name) is not None}
        if isinstance(wanted.get("data"), bytes | str):
            kept["content"] = wanted["data"]
        given_headers = dict(wanted.get("headers") or {})
        media = {name: value for name, value in given_headers.items() if name.lower() == "content-type"}
        answer = client.request(**kept, headers=media)
        seen.add(answer.status_code)
        assert answer.status_code < 500, (answer.status_code, answer.text[:200], kept)
        assert "Traceback" not in answer.text

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong about a path without parameters
        asked()
    return seen


def test_what_fits_the_schema_of_a_record_is_answered(client: TestClient) -> None:
    one = client.post("/predict/flight-delay", json={"records": [RECORD], "explain": True})
    by_entity = client.post("/predict/flight-delay", json={"entity": {"flight": "f1"}, "explain": False})

    assert (one.status_code, by_entity.status_code) == (200, 200)
