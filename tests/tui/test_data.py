"""The data tabs as a person uses them: look, mark, repair, release, ask."""

import json
from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from app.domain.workspace import Workspace
from app.services.data import newest_snapshots
from app.store.engine import Store
from app.store.queries.data import quarantined_rows
from app.store.queries.tickets import tickets
from app.tui.app import ControlRoom
from tests.services.made import HOMES, deliver, homes, take_in
from tests.tui.conftest import machine, settle, text_of

HEADER = HOMES.split("\n", 1)[0]
SIZES = ((120, 36), (80, 24))
TABS = ("sources", "snapshots", "profile", "contract", "quarantine", "tickets", "features")


@pytest.fixture
def rows(workspace: Workspace, store: Store) -> Callable[[], ControlRoom]:
    """Makes the control room on two sources, one with a row that broke its contract."""
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", f"{HOMES}x1,ulm,2013-01-05T00:00:00Z,0,1\n")
    take_in(store, project)
    return lambda: ControlRoom(workspace, machine=machine(), start_services=False, interval_s=0.05)


async def at_tab(pilot: Pilot[None], name: str) -> None:
    app = pilot.app
    assert isinstance(app, ControlRoom)
    await settle(pilot)
    app.go("data")
    await settle(pilot)
    for _ in range(TABS.index(name)):
        await pilot.press("right_square_bracket")
        await settle(pilot)
    await pilot.pause(0.1)


async def filled(pilot: Pilot[None], **values: str) -> None:
    """Fill the form that is open, and confirm it."""
    for name, value in values.items():
        pilot.app.screen.query_one(f"#field-{name}", Input).value = value
    await pilot.pause()
    pilot.app.screen.set_focus(pilot.app.screen.query_one("#confirm"))
    await pilot.press("enter")
    for _ in range(100):
        await pilot.pause(0.05)
        if len(pilot.app.screen_stack) == 1 and not any(w.group == "acts" for w in pilot.app.workers):
            break
    await settle(pilot)


@pytest.mark.parametrize("size", SIZES, ids=["120x36", "80x24"])
async def test_every_tab_shows_what_the_store_holds(rows: Callable[[], ControlRoom], size: tuple[int, int]) -> None:
    app = rows()
    seen = {}

    async with app.run_test(size=size) as pilot:
        await at_tab(pilot, "sources")
        for name in TABS:
            seen[name] = text_of(app)
            await pilot.press("right_square_bracket")
            await settle(pilot)
            await pilot.pause(0.1)

    assert "Sources · 2" in seen["sources"]
    assert "Snapshots of homes · 1" in seen["snapshots"]
    assert "Profile of homes" in seen["profile"]
    assert "3/4 labelled" in seen["profile"]
    assert "Contract of homes" in seen["contract"]
    assert "size.minimum" in seen["quarantine"]
    assert "Nobody asks for other data." in seen["tickets"]
    assert "No features are built yet." in seen["features"]


async def test_a_row_is_repaired_and_released_from_the_keyboard(rows: Callable[[], ControlRoom], store: Store) -> None:
    app = rows()

    async with app.run_test(size=(120, 36)) as pilot:
        await at_tab(pilot, "quarantine")
        await pilot.press("e")
        await pilot.pause(0.2)
        await filled(pilot, values="size=7")
        await pilot.press("a")
        await pilot.pause(0.2)
        await filled(pilot, reason="measured again")
        shown = text_of(app)

    (row,) = quarantined_rows(store.reader)
    assert json.loads(row.repairs) == {"size": "7"}
    assert row.state == "released"
    assert newest_snapshots(store, 1, ["homes"])[0].rows == 4
    assert "released" in shown


async def test_a_ticket_is_written_from_the_keyboard_and_escape_leaves_all_as_it_is(
    rows: Callable[[], ControlRoom], store: Store
) -> None:
    app = rows()

    async with app.run_test(size=(120, 36)) as pilot:
        await at_tab(pilot, "tickets")
        await pilot.press("e")
        await pilot.pause(0.2)
        await pilot.press("escape")
        await pilot.pause(0.1)
        none = tickets(store.reader)
        await pilot.press("e")
        await pilot.pause(0.2)
        await filled(pilot, title="size in square metres")

    assert none == []
    assert [one.title for one in tickets(store.reader)] == ["size in square metres"]


async def test_a_file_is_imported_by_i(rows: Callable[[], ControlRoom], workspace: Workspace) -> None:
    file = workspace.root / "more.csv"
    file.write_text(f"{HEADER}\nk1,ulm,2013-01-05T00:00:00Z,5,1\n")
    app = rows()

    async with app.run_test(size=(120, 36)) as pilot:
        await at_tab(pilot, "sources")
        await pilot.press("i")
        await pilot.pause(0.2)
        await filled(pilot, file=str(file))

    assert (workspace.project_folder("homes") / "incoming/homes/more.csv").read_bytes() == file.read_bytes()
