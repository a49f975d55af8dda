"""Live: the cursor stays on its row's id, new rows do not jump, nobody polls what nobody sees."""

from app.store.engine import Store
from app.store.ledger import request_run
from app.tui.app import ControlRoom
from app.tui.grid import Grid
from app.tui.screens.place import PlaceScreen
from tests.tui.conftest import Room, settle, text_of
from tests.tui.seed import NOW

SIZE = (120, 36)


def runs_of(app: ControlRoom) -> Grid:
    """The grid of Runs."""
    return app.screen.query_one("#runs", Grid)


def place_of(app: ControlRoom) -> PlaceScreen:
    """The visible place."""
    assert isinstance(app.screen, PlaceScreen)
    return app.screen


def add_runs(store: Store, count: int) -> None:
    """More runs at the top of the list."""
    with store.write() as session:
        for _ in range(count):
            request_run(session, flow="train", project_id=1, requested_by="ben", now=NOW)


async def test_new_rows_neither_move_the_cursor_off_its_run_nor_the_picture(room: Room, store: Store) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press(*"jjjjj", "pagedown")
        await settle(pilot)
        grid = runs_of(app)
        chosen, line = grid.cursor_id, grid.cursor - grid.scroll_offset.y
        assert grid.scroll_offset.y > 0
        add_runs(store, 12)
        for _ in range(40):
            await pilot.pause(0.05)
            if grid.window.total == 58:
                break

        assert grid.cursor_id == chosen
        assert grid.cursor - grid.scroll_offset.y == line
        assert "12 new above" in text_of(app)


async def test_a_place_that_was_left_polls_no_more(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        overview = place_of(app)
        await pilot.press("3")
        await settle(pilot)
        polls = overview.poller.polls
        await pilot.pause(0.4)

        assert not overview.poller.running
        assert overview.poller.polls == polls
        assert place_of(app).poller.running


async def test_nobody_polls_behind_a_dialog_or_without_the_focus_of_the_terminal(room: Room) -> None:
    from textual.events import AppBlur, AppFocus

    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        place = place_of(app)
        seen = []
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        seen.append(place.poller.running)
        await pilot.press("escape")
        await settle(pilot)
        seen.append(place.poller.running)
        app.post_message(AppBlur())
        await pilot.pause(0.1)
        seen.append(place.poller.running)
        app.post_message(AppFocus())
        await pilot.pause(0.1)

        assert [*seen, place.poller.running] == [False, True, False, True]


async def test_an_unchanged_store_is_not_loaded_again(room: Room, store: Store) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        place = place_of(app)
        loads = place.poller.loads
        await pilot.pause(0.4)
        assert place.poller.loads == loads
        add_runs(store, 1)
        await pilot.pause(0.4)

        assert place.poller.loads == loads + 1


async def test_a_frozen_picture_stays_and_says_so(room: Room, store: Store) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("f")
        add_runs(store, 3)
        await pilot.pause(0.4)
        assert runs_of(app).window.total == 46
        assert "frozen" in text_of(app)
        await pilot.press("f")
        await pilot.pause(0.4)

        assert runs_of(app).window.total == 49


async def test_a_store_that_cannot_be_read_leaves_the_picture_and_says_stale(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)

        def broken() -> object:
            raise OSError("disk \x1b[31mI/O error")

        app.reader = broken  # type: ignore[method-assign, assignment]
        place_of(app).poller.nudge(reload=True)
        await pilot.pause(0.4)

        assert "stale" in text_of(app)
        assert "OSError: disk \\e[31mI/O error" in text_of(app)
        assert runs_of(app).window.total == 46


async def test_an_empty_workspace_says_one_sentence_one_key_and_one_command(workspace: object, store: Store) -> None:
    from app.domain.workspace import Workspace

    assert isinstance(workspace, Workspace)
    app = ControlRoom(workspace, clock=lambda: NOW, machine=[], start_services=False, interval_s=0.05)
    words = {
        "1": "trainmaster status",
        "2": "trainmaster data ingest",
        "3": "trainmaster train run",
        "5": "trainmaster train run",
        "7": "trainmaster monitor run",
        "8": "trainmaster up",
    }

    async with app.run_test(size=SIZE) as pilot:
        for key, command in words.items():
            await pilot.press(key)
            await settle(pilot)

            assert command in text_of(app), key


async def test_a_small_terminal_keeps_one_line_and_its_keys(room: Room) -> None:
    app = room()

    async with app.run_test(size=(58, 15)) as pilot:
        await settle(pilot)
        assert text_of(app).startswith("▲ 2 open alerts")
        await pilot.press("3")
        await settle(pilot)
        assert app.current_mode == "runs"
        await pilot.resize_terminal(120, 36)
        await settle(pilot)

        assert "Runs" in text_of(app)
