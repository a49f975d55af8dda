"""The Serving place with a gateway that is asked all the time: pictures, and what its keys do."""

import json
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col
from textual.pilot import Pilot

from app.domain.ids import new_key
from app.domain.states import RolloutState
from app.services.predictions.logged import Logged
from app.services.serving.traffic import Traffic
from app.store.engine import Store
from app.store.tables import Deployment, ModelVersion, Rollout, RolloutWindow
from app.tui.app import ControlRoom
from app.tui.screens.serving import ServingScreen
from app.tui.traffic import Watch
from tests.tui.conftest import Room, settle, text_of
from tests.tui.seed import HOSTILE, NOW, ago

SIZES = ((120, 36), (80, 24))


def watch(app: ControlRoom) -> Watch:
    """Two minutes of traffic, two versions, and requests whose texts are hostile."""
    seen = [
        Traffic(
            412 + 90 * math.sin(at / 9), 0.0, 1.5, 1.1 + 0.2 * math.sin(at / 5), 4.2 + 2 * math.sin(at / 7), 3, 120, 0,
            {("flight-delay", "3"): 370.0, ("flight-delay", "4"): 42.0},
        )
        for at in range(120)
    ]  # fmt: skip
    inputs = [json.dumps({"carrier": "UA", "dest": "ORD", "distance": 719}), json.dumps({"carrier": HOSTILE})]
    requests = tuple(
        Logged(
            f"a1b2c3d4{at:010x}",
            0,
            ago(seconds=at),
            "flight-delay",
            "flight-delay",
            3 + at % 2,
            inputs[at % 2],
            "0.2731",
            0.2 + at / 100,
        )
        for at in range(30)
    )
    return Watch(app.workspace, deque(seen, maxlen=120), requests, "", recorded=True)


@pytest.fixture
def canary(store: Store, seeded: object) -> None:
    """A candidate that gets a tenth of the entities."""
    with store.write() as session:
        active = session.execute(select(Deployment)).scalars().one()
        other = session.execute(select(ModelVersion).order_by(col(ModelVersion.id).desc())).scalars().first()
        assert other is not None
        limits = {"canary_share": 0.1, "canary_minutes": 30, "minimum_requests": 500}
        row = Rollout(
            key=new_key(), project_id=active.project_id, version_id=other.id or 0, baseline_id=active.version_id,
            state=RolloutState.CANARY, limits=json.dumps(limits), says="",
            began_at=ago(minutes=12), stage_at=ago(minutes=7), watched_until=NOW,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            RolloutWindow(
                rollout_id=row.id or 0, stage=RolloutState.CANARY, worker="1", at=ago(seconds=5), requests=311,
                errors=1, rows=311, agreed=305, dropped=0, difference_sum=1.2, candidate_ms="1", production_ms="1",
            )
        )  # fmt: skip


def looking(*keys: str) -> Callable[[Pilot[Any]], Any]:
    """Go to the place with recorded traffic and press keys."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ControlRoom)
        await settle(pilot)
        app.go("serving")
        await pilot.pause()
        assert isinstance(app.screen, ServingScreen)
        app.screen._watch = watch(app)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.3)

    return before


@pytest.mark.usefixtures("canary")
@pytest.mark.parametrize("size", SIZES, ids=["120x36", "80x24"])
def test_traffic_a_canary_and_the_last_requests(snap_compare: Any, room: Room, size: tuple[int, int]) -> None:
    assert snap_compare(room(), terminal_size=size, run_before=looking())


async def test_no_value_of_a_request_is_markup_or_a_control_code(room: Room) -> None:
    app = room()

    async with app.run_test(size=(120, 36)) as pilot:
        await looking("tab", "j", "enter")(pilot)
        shown = text_of(app)

    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "@click=app.quit" in shown


async def test_t_asks_with_a_stored_record_and_p_opens_the_promotion(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = room()
    acted: list[str] = []
    monkeypatch.setattr(app, "start_act", lambda _work, *, doing="", done="": acted.append(done or doing))

    async with app.run_test(size=(120, 36)) as pilot:
        await looking("t", "p")(pilot)
        shown = text_of(app)

    assert acted == ["asking flight-delay with a stored record"]
    assert "Promote flight-delay v3" in shown or "cannot be promoted" in shown
