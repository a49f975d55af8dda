"""A candidate beside production: nobody sees it in the shadow, its entities stay with it, and it goes when it errs."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.domain.ids import new_key
from app.domain.project.serving import Serving
from app.domain.states import RolloutState, Stage
from app.gateway.app import Gateway
from app.learning.package import Package
from app.services.serving.rollouts import tally_of
from app.services.upkeep import heal
from app.store.engine import Store
from app.store.tables import Alert, AuditEvent, Deployment, ModelVersion, Rollout
from tests.gateway.conftest import RECORD, Promote, package

Begin = Callable[..., int]


def a_rollout(store: Store, candidate: int, baseline: int, state: RolloutState, limits: dict[str, Any]) -> int:
    """A row that the gateway follows for the next ten minutes; gives its id."""
    moment = datetime.now(UTC)
    with store.write() as session:
        active = session.execute(select(Deployment).where(col(Deployment.state) == "active")).scalars().one()
        row = Rollout(
            key=new_key(),
            project_id=active.project_id,
            version_id=candidate,
            baseline_id=baseline,
            state=state,
            limits=Serving(**limits).model_dump_json(),
            began_at=moment,
            stage_at=moment,
            watched_until=moment + timedelta(minutes=10),
        )
        session.add(row)
        session.flush()
        return row.id or 0


@pytest.fixture
def begin(store: Store, promote: Promote, gateway: Gateway) -> Begin:
    """Version 1 (answers 0.3) in production, version 2 tried beside it."""

    def started(answer: float, state: RolloutState = RolloutState.SHADOW, **limits: Any) -> int:
        candidate = promote(2, package(answer))
        baseline = promote(1, package(0.3))
        made = a_rollout(store, candidate, baseline, state, limits)
        gateway.models.look()
        return made

    return started


def seen(store: Store, rollout: int) -> tuple[Rollout, Any]:
    with store.read() as session:
        row = session.get(Rollout, rollout)
        assert row is not None
        return row, tally_of(session, rollout, RolloutState.SHADOW if "shadow" in row.says else row.state)


async def test_in_the_shadow_everybody_gets_production_and_all_is_compared(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, begin: Begin
) -> None:
    rollout = begin(0.9)

    answers = [(await client.post("/predict/flight-delay", json=RECORD)).json() for _ in range(20)]
    await asyncio.to_thread(gateway.comparing.turn)

    assert {(answer["version"], round(answer["predictions"][0], 6)) for answer in answers} == {(1, 0.3)}
    row, _ = seen(store, rollout)
    with store.read() as session:
        tally = tally_of(session, rollout, RolloutState.SHADOW)
    assert row.state is RolloutState.SHADOW
    assert (tally.requests, tally.rows, tally.agreed, tally.errors) == (20, 20, 0, 0)
    assert tally.difference_sum == pytest.approx(20 * 0.6)


async def test_too_much_disagreement_ends_the_trial(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, begin: Begin
) -> None:
    rollout = begin(0.9, minimum_requests=10, maximum_disagreement=0.2)

    for _ in range(12):
        await client.post("/predict/flight-delay", json=RECORD)
    await asyncio.to_thread(gateway.comparing.turn)
    gateway.models.look()

    row, _ = seen(store, rollout)
    assert row.state is RolloutState.FAILED
    assert "disagreement: 100.0%" in row.says
    assert gateway.comparing.trials == {}
    assert b'trainmaster_gateway_returns_total{project="flight-delay"} 1.0' in gateway.metrics.text()


async def test_a_canary_gets_its_share_of_entities_and_keeps_them(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, begin: Begin
) -> None:
    begin(0.9, RolloutState.CANARY, canary_share=0.5, canary_minutes=1)
    records = [RECORD | {"hour": float(hour)} for hour in range(60)]

    async def versions() -> list[int]:
        answers = [(await client.post("/predict/flight-delay", json=record)).json() for record in records]
        for answer in answers:
            assert answer["predictions"][0] == pytest.approx({1: 0.3, 2: 0.9}[answer["version"]])
        return [answer["version"] for answer in answers]

    first, again = await versions(), await versions()

    assert first == again
    assert 15 <= first.count(2) <= 45


async def test_the_lane_sends_an_entity_to_the_same_version_as_the_usual_way(
    client: httpx.AsyncClient, gateway: Gateway, begin: Begin
) -> None:
    begin(0.9, RolloutState.CANARY, canary_share=0.5, canary_minutes=1)
    hot = gateway.routes[b"/predict/flight-delay"]
    bodies = [json.dumps(RECORD | {"hour": hour}).encode() for hour in range(30)]
    headers = {"content-type": "application/json"}

    fast = [gateway.at_once(hot, body, []) for body in bodies]
    usual = [(await client.post("/predict/flight-delay", content=body, headers=headers)).json() for body in bodies]

    versions = [json.loads((answer or b"").partition(b"\r\n\r\n")[2])["version"] for answer in fast]
    assert versions == [answer["version"] for answer in usual]
    assert set(versions) == {1, 2}


async def test_a_candidate_that_errs_is_let_go_of_at_once_and_no_request_fails(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = begin(0.9, RolloutState.CANARY, canary_share=1.0, canary_minutes=1, minimum_requests=100)
    trial = gateway.comparing.trials["flight-delay"]
    monkeypatch.setattr(trial, "_predicted", broken)
    answers = [(await client.post("/predict/flight-delay", json=RECORD)) for _ in range(5)]
    await asyncio.to_thread(gateway.comparing.turn)

    assert [answer.status_code for answer in answers] == [200] * 5
    assert {answer.json()["version"] for answer in answers} == {1}
    assert trial.over is not None
    row, _ = seen(store, rollout)
    assert row.state is RolloutState.FAILED
    assert "errors" in row.says


async def test_a_rollout_that_nobody_waits_for_is_not_followed(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, begin: Begin
) -> None:
    rollout = begin(0.9, RolloutState.CANARY, canary_share=1.0, canary_minutes=1)
    with store.write() as session:
        row = session.get(Rollout, rollout)
        assert row is not None
        row.watched_until = datetime.now(UTC) - timedelta(seconds=1)
        session.add(row)
    gateway.models.look()

    answer = (await client.post("/predict/flight-delay", json=RECORD)).json()

    assert answer["version"] == 1


async def test_when_production_moves_the_trial_ends_here(gateway: Gateway, begin: Begin, promote: Promote) -> None:
    begin(0.9)
    assert set(gateway.comparing.trials) == {"flight-delay"}

    promote(3, package(0.5))
    gateway.models.look()

    assert gateway.comparing.trials == {}
    assert gateway.routes[b"/predict/flight-delay"].trial is None


@pytest.fixture
def watched(store: Store, promote: Promote, gateway: Gateway) -> Begin:
    """Version 2 has just taken the place of version 1 (answers 0.3), which stands by."""

    def started(candidate: Package, **limits: Any) -> int:
        before = promote(1, package(0.3))
        gateway.models.look()
        after = promote(2, candidate)
        with store.write() as session:
            for version, stage in ((before, Stage.ARCHIVED), (after, Stage.PRODUCTION)):
                session.get_one(ModelVersion, version).stage = stage
        made = a_rollout(store, after, before, RolloutState.WATCH, limits)
        gateway.models.look()
        return made

    return started


def broken(*_: Any, **__: Any) -> Any:
    """A model that cannot answer."""
    raise RuntimeError("broken")


def require_returned(store: Store, gateway: Gateway, rollout: int, why: str) -> None:
    """Version 1 is in production again, by the gateway, with its reason in row, audit log and alert."""
    gateway.models.look()
    with store.read() as session:
        row = session.get_one(Rollout, rollout)
        event = session.execute(select(AuditEvent).where(col(AuditEvent.action) == "model.returned")).scalars().one()
        alert = session.execute(select(Alert)).scalars().one()
        stages = {one.version: one.stage for one in session.execute(select(ModelVersion)).scalars()}
    assert row.state is RolloutState.FAILED
    assert why in row.says
    assert (event.actor, event.subject) == ("gateway", "model:flight-delay/1")
    assert why in event.reason
    assert (alert.signal, str(alert.severity)) == ("serving.returned", "critical")
    assert why in alert.says
    assert stages == {1: Stage.PRODUCTION, 2: Stage.ARCHIVED}
    assert gateway.comparing.trials == {}
    assert gateway.routes[b"/predict/flight-delay"].deployment.version == 1
    assert b'trainmaster_gateway_returns_total{project="flight-delay"} 1.0' in gateway.metrics.text()


async def test_after_a_switch_what_the_new_version_cannot_answer_the_old_one_does_and_takes_over(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = watched(package(0.9))
    new, hot = gateway.models.current["flight-delay"], gateway.routes[b"/predict/flight-delay"]
    first = await client.post("/predict/flight-delay", json=RECORD)

    monkeypatch.setattr(new.model, "predict", broken)
    monkeypatch.setattr(hot, "scorer", broken)
    answers = [await client.post("/predict/flight-delay", json=RECORD) for _ in range(5)]
    in_the_lane = gateway.at_once(hot, json.dumps(RECORD).encode(), [])
    await asyncio.to_thread(gateway.comparing.turn)

    assert first.json()["version"] == 2
    assert [(answer.status_code, answer.json()["version"]) for answer in answers] == [(200, 1)] * 5
    assert {round(answer.json()["predictions"][0], 6) for answer in answers} == {0.3}
    assert in_the_lane is None
    require_returned(store, gateway, rollout, "errors")
    assert (await client.post("/predict/flight-delay", json=RECORD)).json()["version"] == 1


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"maximum_disagreement": 0.2}, "disagreement: 100.0%"), ({"maximum_latency_ratio": 1.5}, "latency")],
    ids=("disagreement", "latency"),
)
async def test_after_a_switch_disagreement_and_slowness_send_it_back(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, watched: Begin, limits: dict[str, float], why: str
) -> None:
    rollout = watched(package(0.9), minimum_requests=10, **limits)
    trial = gateway.comparing.trials["flight-delay"]
    if "maximum_latency_ratio" in limits:

        def slow(_records: Any) -> list[float]:
            time.sleep(0.004)
            return [0.9]

        trial._askers = {True: lambda _records: [0.3], False: slow}  # type: ignore[dict-item]

    for _ in range(12):
        await client.post("/predict/flight-delay", json=RECORD)
    await asyncio.to_thread(gateway.comparing.turn)

    require_returned(store, gateway, rollout, why)


async def test_a_version_that_the_gateway_cannot_load_after_its_switch_is_sent_back(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, watched: Begin
) -> None:
    rollout = watched(package(0.9, canary_answer=0.5))

    answer = (await client.post("/predict/flight-delay", json=RECORD)).json()

    assert answer["version"] == 1
    require_returned(store, gateway, rollout, "stored canary answers")


async def test_a_version_that_does_well_stays_and_the_old_one_is_let_go_of_in_time(
    client: httpx.AsyncClient, gateway: Gateway, store: Store, watched: Begin
) -> None:
    rollout = watched(package(0.3), minimum_requests=10, maximum_disagreement=0.2)
    for _ in range(20):
        await client.post("/predict/flight-delay", json=RECORD)
    await asyncio.to_thread(gateway.comparing.turn)
    with store.write() as session:
        tally = tally_of(session, rollout, RolloutState.WATCH)
        session.get_one(Rollout, rollout).watched_until = datetime.now(UTC) - timedelta(seconds=1)
    gateway.models.look()

    healed = heal(store)

    assert (tally.requests, tally.errors, tally.rows, tally.agreed) == (20, 0, 20, 20)
    assert gateway.comparing.trials == {}
    assert [one.says.partition(", p95")[0] for one in healed] == ["watch: 20 requests, 0 errors, agreement 100.0%"]
    with store.read() as session:
        assert session.get_one(Rollout, rollout).state is RolloutState.PASSED
    assert (await client.post("/predict/flight-delay", json=RECORD)).json()["version"] == 2
