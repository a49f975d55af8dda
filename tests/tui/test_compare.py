"""Comparing marked runs, searching in a log, and running again with other parameters."""

import math
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.domain.states import RunState
from app.services.runs import pin_baseline
from app.store import ledger
from app.store.engine import Store
from app.store.queries.runs import baseline_of
from app.store.tables import Run
from app.tui.dialogs.runs import Again, Edit
from app.tui.panel import Panel
from app.tui.screens.compare import CompareScreen
from app.tui.screens.run import RunScreen
from tests.tui.conftest import Room, settle, text_of
from tests.tui.seed import Seeded

SIZE = (120, 36)


@pytest.fixture
def three(store: Store, seeded: Seeded) -> list[str]:
    """Three finished runs with parameters, intervals and histories."""
    del seeded
    with store.write() as session:
        wanted = select(Run).where(col(Run.flow) == "train", col(Run.state) == RunState.COMPLETED)
        runs = list(session.execute(wanted.order_by(col(Run.id).desc()).limit(3)).scalars())
        for at, run in enumerate(runs):
            assert run.id is not None
            rise = [(k, 0.8 + 0.08 * (1 - math.exp(-k / (40 + 30 * at)))) for k in range(300)]
            ledger.log_points(session, run.id, "valid auc", rise)
            ledger.log_parameters(session, run.id, {"learning_rate": (0.05, 0.03, 0.02)[at], "max_depth": 6})
            ledger.log_metrics(session, run.id, {"auc.low": 0.67 + at / 100, "auc.high": 0.69 + at / 100})
        return [run.key for run in runs]


@pytest.mark.parametrize("size", [SIZE, (80, 24)], ids=["120x36", "80x24"])
def test_three_runs_beside_each_other(
    snap_compare: Callable[..., bool], room: Room, three: list[str], size: tuple[int, int]
) -> None:
    async def before(pilot):  # type: ignore[no-untyped-def]
        await settle(pilot)
        pilot.app.push_screen(CompareScreen(three))
        await settle(pilot)
        await pilot.pause(0.3)

    assert snap_compare(room(), terminal_size=size, run_before=before)


async def test_marked_runs_are_compared_and_a_baseline_is_pinned(room: Room, three: list[str], store: Store) -> None:
    app = room()
    async with app.run_test(size=SIZE) as pilot:
        app.go("runs")
        await settle(pilot)
        app.screen.query_one("#runs").choice.marks.update(three)  # type: ignore[attr-defined]
        await pilot.press("c")
        await settle(pilot)
        short = text_of(app)
        await pilot.press("d")
        long = text_of(app)
        await pilot.press("right", "b")
        await app.workers.wait_for_complete()

    assert "compare 3" in short
    assert "learning_rate" in short
    assert "max_depth" not in short
    assert "max_depth" in long
    assert baseline_of(store.reader, "flight-delay") in three
    assert "verdict:" in short


async def test_one_run_is_compared_with_the_pinned_baseline_or_nothing_happens(
    room: Room, three: list[str], store: Store
) -> None:
    app = room()
    async with app.run_test(size=SIZE) as pilot:
        app.go("runs")
        await settle(pilot)
        await pilot.press("c")
        alone = len(app.screen_stack)
        pin_baseline(store, three[0], by="ana")
        await pilot.press("j", "c")
        await settle(pilot)
        screen = app.screen

    assert alone == 1
    assert isinstance(screen, CompareScreen)


async def test_a_log_is_searched_and_n_goes_on(room: Room, seeded: Seeded) -> None:
    app = room()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.push_screen(RunScreen(seeded.running))
        await settle(pilot)
        await pilot.press("slash", *"round", "enter")
        await settle(pilot)
        first = text_of(app)
        await pilot.press("n", "N", "N")
        last = text_of(app)
        shown = [ink for spans in app.screen.query_one("#tab", Panel).shown for text, ink in spans if text == "round"]
        await pilot.press("escape")
        await settle(pilot)
        after, depth = text_of(app), len(app.screen_stack)

    assert "match 1 of 9" in first
    assert "match 9 of 9" in last
    assert shown.count("here") == 1
    assert shown.count("mark") == 8
    assert "esc ends the search" not in after
    assert depth == 2


async def test_a_run_is_asked_for_again_with_other_parameters(room: Room, seeded: Seeded) -> None:
    app = room()
    asked: list[tuple[str, dict[str, object]]] = []

    def request(project: str, flow: str, *, parameters: dict[str, object], cause: str, cause_key: str):  # type: ignore[no-untyped-def]
        return lambda: asked.append((flow, parameters))

    app.acts.request = request  # type: ignore[method-assign, assignment]
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.push_screen(RunScreen(seeded.failed))
        await settle(pilot)
        await pilot.press("r")
        await pilot.pause(0.1)
        form = app.screen
        await pilot.press("tab", *"rounds=50 ", "down", "enter")
        await pilot.pause(0.1)
        await app.workers.wait_for_complete()

    assert isinstance(form, Again)
    assert asked == [("train", {"rounds": 50})]


async def test_a_note_and_tags_are_kept(room: Room, seeded: Seeded, store: Store) -> None:
    from app.store.queries.runs import notes_of, tags_of

    app = room()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.push_screen(RunScreen(seeded.failed))
        await settle(pilot)
        await pilot.press("e")
        await pilot.pause(0.1)
        form = app.screen
        await pilot.press("tab", *"leaks", "tab", *"team=risk", "tab", "enter")
        await pilot.pause(0.1)
        await app.workers.wait_for_complete()
        await settle(pilot)
        shown = text_of(app)

    assert isinstance(form, Edit)
    assert [row.says for row in notes_of(store.reader, seeded.failed)] == ["leaks"]
    assert tags_of(store.reader, seeded.failed) == {"team": "risk"}
    assert "team=risk" in shown
