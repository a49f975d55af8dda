"""An answer says why, on request: contributions that add up to the raw score."""

import math

import httpx

from app.gateway.app import Gateway
from tests.gateway.conftest import RECORD, Promote, package


async def test_contributions_and_expectation_add_up_to_the_raw_score(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    answer = (await client.post("/predict/flight-delay", json={"records": [RECORD] * 2, "explain": True})).json()
    plain = (await client.post("/predict/flight-delay", json={"records": [RECORD], "explain": False})).json()

    first = answer["explanation"][0]
    assert len(answer["explanation"]) == 2
    assert set(first["contributions"]) == {"hour", "carrier"}
    raw = first["expectation"] + sum(first["contributions"].values())
    assert math.isclose(1 / (1 + math.exp(-raw)), answer["predictions"][0], rel_tol=1e-9)
    assert "explanation" not in plain


async def test_a_wrong_wish_for_an_explanation_is_refused(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote
) -> None:
    promote(1, package(0.3))
    gateway.models.look()

    wrong = await client.post("/predict/flight-delay", json={"records": [RECORD], "explain": "yes"})
    many = await client.post("/predict/flight-delay", json={"records": [RECORD] * 101, "explain": True})
    alone = await client.post("/predict/flight-delay", json={**RECORD, "explain": True})

    assert (wrong.status_code, wrong.json()["field"]) == (422, "explain")
    assert many.status_code == 413
    assert (alone.status_code, alone.json()["field"]) == (422, "explain")
