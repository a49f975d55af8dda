"""Answers by entity: rows of the online store, their ages, and the declared rule for what is stale or missing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain.project.freshness import Freshness
from app.domain.workspace import Workspace
from app.features.online import OnlineView, RowSet, micros
from app.features.online_sqlite import SqliteOnline
from app.gateway.app import Gateway
from tests.gateway.conftest import Promote, package

PATH = "/predict/flight-delay"
Follow = Callable[[Freshness], None]


@pytest.fixture
def follow(gateway: Gateway, promote: Promote, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """A promoted version, three flights online (one of them expired), and a way to declare the rule."""
    now = datetime.now(UTC)
    store = SqliteOnline(workspace.online_file)
    view = OnlineView(
        "flight-delay", "schedule", False, ("flight",), ("text",), ("hour", "carrier"), ("number", "category"),
        "at", None, 3_600_000_000, 5, "", 3, 0, now.isoformat(),
    )  # fmt: skip
    ages = {"f1": timedelta(minutes=10), "f2": timedelta(hours=3), "f3": timedelta(seconds=1)}
    rows = [(key, micros(now - age), None, 9.0, "AA") for key, age in ages.items()]
    store.publish("flight-delay", [RowSet(view, rows)], now=now)
    store.close()
    promote(1, package(0.3))
    gateway.models.look()

    def declare(rules: Freshness) -> None:
        monkeypatch.setattr(gateway.entities, "_rules_of", lambda _project: rules)

    declare(Freshness())
    return declare


@pytest.mark.usefixtures("follow")
async def test_an_entity_is_answered_with_the_versions_and_the_ages_of_its_features(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"entity": {"flight": "f1"}})

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert told["predictions"] == [pytest.approx(0.3)]
    assert (told["version"], told["feature_set_version"], told["features"]["version"]) == (1, 4, 5)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["features"]["rows"][0]["ages_s"]["schedule"] == pytest.approx(600, abs=30)
    assert "stale" not in told["features"]["rows"][0]


@pytest.mark.usefixtures("follow")
async def test_several_entities_answer_in_their_order_and_what_is_stale_is_flagged(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"entities": [{"flight": "f3"}, {"flight": "f2"}] * 10})

    rows = answer.json()["features"]["rows"]
    assert len(answer.json()["predictions"]) == len(rows) == 20
    assert rows[0].keys() == {"ages_s"}
    assert (rows[1]["stale"], rows[1]["missing"], rows[1]["defaulted"]) == (["schedule"], [], [])


async def test_a_rule_refuses_or_fills_what_is_stale(client: httpx.AsyncClient, follow: Follow) -> None:
    follow(Freshness(stale="refuse"))
    refused = await client.post(PATH, json={"entity": {"flight": "f2"}})
    follow(Freshness(stale="default", defaults={"hour": 12}))
    filled = await client.post(PATH, json={"entity": {"flight": "f2"}})
    follow(Freshness(stale="refuse", maximum_age_hours={"schedule": 0.1}))
    older = await client.post(PATH, json={"entity": {"flight": "f1"}})
    young = await client.post(PATH, json={"entity": {"flight": "f3"}})

    assert (refused.status_code, refused.json()["record"]) == (409, 0)
    assert "view schedule is stale" in refused.json()["error"]
    assert filled.json()["features"]["rows"][0]["defaulted"] == ["hour"]
    assert (older.status_code, young.status_code) == (409, 200)


@pytest.mark.usefixtures("follow")
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"entity": {"flight": "never"}}, 404, None),
        ({"entity": {"plane": "f1"}}, 422, "plane"),
        ({"entity": {"flight": 7}}, 422, "flight"),
        ({"entity": {"flight": None}}, 422, "flight"),
        ({"entity": {"flight": ["s3cr3t"]}}, 422, "flight"),
        ({"entity": {"flight": "s3cr3t" * 200}}, 422, "flight"),
        ({"entity": {"flight": 2**64 - 1}}, 422, "flight"),
        ({"entity": {}}, 422, "entities"),
        ({"entities": []}, 422, "entities"),
        ({"entities": 3}, 422, "entities"),
        ({"entities": [3]}, 422, "entities"),
        ({"entities": [{"flight": "f1"}] * 1001}, 413, "entities"),
        ({"entity": "f1"}, 422, "hour"),
    ],
    ids=range(13),
)
async def test_a_wrong_entity_is_refused_with_its_field(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await client.post(PATH, json=body)

    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert "s3cr3t" not in answer.text


async def test_nothing_online_says_which_command_brings_it(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    answer = await client.post(PATH, json={"entity": {"flight": "f1"}})

    assert answer.status_code == 503
    assert "trainmaster features materialize" in answer.json()["error"]
