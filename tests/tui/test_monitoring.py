"""Monitoring and Infrastructure in the hands of a person: causes, limits, silence, and two hundred signals."""

import asyncio
import statistics
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from textual.widgets import Input

from app.domain.states import Severity
from app.domain.workspace import Workspace
from app.services.monitoring import health
from app.store.engine import Store
from app.store.queries.alerts import alerts
from app.store.tables import HealthSignal, MonitorReport, Signal
from app.tui.chosen_signal import Cause
from app.tui.probe import ProbedRoom
from tests.tui.conftest import Room, machine, settle, text_of
from tests.tui.seed import NOW, Seeded

SIZE = (120, 36)
PROJECT_TOML = """
name = "flight-delay"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "ana"
[problem]
task = "binary"
target = "late"
[sources.rows]
path = "*.csv"
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[monitoring]
limits = { auc = 0.70 }  # agreed in May
"""


@pytest.fixture
def project(workspace: Workspace) -> Path:
    """The project's file."""
    file = workspace.project_file("flight-delay")
    file.parent.mkdir(parents=True)
    file.write_text(PROJECT_TOML)
    return file


async def test_a_limit_is_tried_while_it_is_typed_and_then_stands_in_the_file(room: Room, project: Path) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        app.go("monitoring")
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        before = text_of(app)
        app.screen.query_one("#limit", Input).value = "0.69"
        app.screen.query_one("#reason", Input).value = "the strike is over"
        await settle(pilot)
        typed = text_of(app)
        app.screen.query_one("#confirm").focus()
        await pilot.press("enter")
        for _ in range(100):
            await pilot.pause(0.05)
            if "0.69" in project.read_text():
                break

    assert "Back-test       1 alert, 6 of 12 windows past it" in before
    assert "Back-test       1 alert, 5 of 12 windows past it" in typed
    assert "limits = { auc = 0.69 }  # agreed in May" in project.read_text()


async def test_an_alert_is_resolved_by_hand_with_a_reason(room: Room, store: Store, seeded: Seeded) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        app.go("monitoring")
        await settle(pilot)
        await pilot.press("x")
        await settle(pilot)
        app.screen.query_one("#reason", Input).value = "a storm, it is over"
        await settle(pilot)
        app.screen.query_one("#confirm").focus()
        await pilot.press("enter")
        for _ in range(100):
            await pilot.pause(0.05)
            if next(one for one in alerts(store.reader) if one.key == seeded.alert).state == "resolved":
                break

    found = next(one for one in alerts(store.reader) if one.key == seeded.alert)
    assert (found.state, found.resolved_reason) == ("resolved", "a storm, it is over")


async def test_the_likely_cause_of_the_chosen_alert_is_named(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.tui.watched import Watch

    cause = Cause("source rides 90608ec45377", "distance is 1.609 times \x1b[31mwhat it was", 0.9)
    monkeypatch.setattr(Watch, "_look_into", lambda *_: (cause,))
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        app.go("monitoring")
        await settle(pilot)
        found = text_of(app)
        app.screen.query_one("#alerts").focus()
        await pilot.press("down")
        await settle(pilot)
        below = text_of(app)

    assert "likely cause: source rides 90608ec45377" in found
    assert "\x1b" not in found
    assert "temp · reference" not in found
    assert "temp · reference" in below, "the alert that is looked at shows its own signal"
    assert "psi of temp .27 is above .25" in below


async def test_every_screen_hears_of_a_watcher_that_says_nothing(room: Room, store: Store) -> None:
    app = room()
    health.beat(store, "worker", moment=NOW - timedelta(minutes=5), late_s=60)

    async with app.run_test(size=SIZE) as pilot:
        app.go("runs")
        await settle(pilot)
        runs = text_of(app)
        app.go("infrastructure")
        await settle(pilot)
        infrastructure = text_of(app)

    assert "worker has said nothing for 5 m" in runs
    assert "worker silent" in infrastructure


def two_hundred(store: Store) -> None:
    """Two hundred signals in each of the twelve reports, and fifty of health."""
    with store.write() as session:
        for report in session.execute(select(MonitorReport)).scalars().all():
            for number in range(200):
                session.add(
                    Signal(
                        report_id=report.id or 0, name=f"psi.column_{number:03}", kind="drift",
                        feature=f"column_{number:03}", value=number / 1000, limit_value=0.25, direction="lower",
                        breached=False,
                    )
                )  # fmt: skip
        for number in range(50):
            session.add(
                HealthSignal(
                    name=f"run.flow{number}.failed",
                    kind="orchestration",
                    value=0.0,
                    limit_value=1.0,
                    severity=Severity.WARNING,
                    since=NOW,
                    checked_at=NOW,
                )  # fmt: skip
            )


@pytest.mark.speed
async def test_two_hundred_signals_cost_nothing_while_nothing_happens_and_no_key_waits(
    workspace: Workspace, store: Store, seeded: Seeded
) -> None:
    few, _ = await measured(workspace, rest_s=1.0)
    two_hundred(store)

    many, idle = await measured(workspace, rest_s=5.0)

    print(f"\nidle {idle:.2%} of a core, key to frame p95 {few:.1f} ms with 18 signals, {many:.1f} ms with 268")  # noqa: T201
    assert idle < 0.02
    assert many <= max(33.0, 1.5 * few)


async def measured(workspace: Workspace, *, rest_s: float) -> tuple[float, float]:
    """The p95 from key to frame in ms, and the share of a core that an idle place takes."""
    app = ProbedRoom(workspace, clock=lambda: NOW, machine=machine(), start_services=False)
    async with app.run_test(size=SIZE) as pilot:
        app.go("monitoring")
        await settle(pilot)
        await asyncio.sleep(1.0)
        begun, used = time.monotonic(), time.process_time()
        await asyncio.sleep(rest_s)
        idle = (time.process_time() - used) / (time.monotonic() - begun)
        app.latencies_ms.clear()
        for _ in range(20):
            await pilot.press("j")
            await pilot.press("k")
        keys = sorted(app.latencies_ms)
    return statistics.quantiles(keys, n=20)[-1], idle


async def test_a_retrain_from_an_alert_is_asked_for_as_every_retrain_is(room: Room, store: Store) -> None:
    app = room()
    asked: list[str] = []
    app.start_act = lambda work, *, doing="", done="": asked.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        app.go("monitoring")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        shown = text_of(app)
        app.screen.query_one("#reason", Input).value = "it cannot wait"
        await settle(pilot)
        app.screen.query_one("#confirm").focus()
        await pilot.press("enter")
        await settle(pilot)

    assert "auc .664 is below .700" in shown
    assert "trainmaster feedback retrain --project flight-delay" in shown
    assert asked == ["retrain of flight-delay requested; 3 shows it"]
