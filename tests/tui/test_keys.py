"""Every key on every place, pressed in the real app."""

import pytest
from textual.events import Key

from app.domain.actions import ACTIONS, EVERYWHERE, LIST, PLACES, Action
from app.tui.dialogs.dialog import Dialog
from app.tui.dialogs.help import Help
from app.tui.grid import Grid
from app.tui.prompt import Prompt
from app.tui.screens.place import PlaceScreen
from app.tui.screens.run import RunScreen
from tests.tui.conftest import Room, settle, text_of

SIZE = (120, 36)
NAMES = [place.name for place in PLACES]
LEAVES = {"app.quit", "go.palette"}
ASKS = {
    "run.again", "run.edit", "undo.last", "model.promote", "need.promote", "need.acknowledge", "alert.acknowledge",
    "need.run", "monitor.retrain",
}  # fmt: skip
STARTS = {"service.up", "ci.run", "data.run", "monitor.test"}


def grid(screen: object, name: str) -> Grid:
    """A grid of a screen."""
    assert isinstance(screen, PlaceScreen)
    return screen.query_one(name, Grid)


@pytest.mark.parametrize(("name", "next_name"), zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True), ids=NAMES)
async def test_every_key_of_a_place_does_its_act_and_leaves_the_app_alive(
    room: Room, name: str, next_name: str
) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done or doing)  # type: ignore[method-assign]
    elsewhere = {f"go.{other}" for other in NAMES} - {f"go.{next_name}"}  # the app's own, each pressed in one place
    here = [a for a in ACTIONS if {EVERYWHERE, LIST, name}.intersection(a.on) and a.id not in LEAVES | elsewhere]

    async with app.run_test(size=SIZE) as pilot:
        for action in here:
            if app.current_mode != name or action is here[0]:
                app.go(name)
                await settle(pilot)
            screen = app.screen
            assert isinstance(screen, PlaceScreen)
            assert known(screen, action), action.id
            for key in action.keys:
                await pilot.press(key)
                await pilot.pause(0.4 if action.id in ASKS else None)
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await pilot.pause()
            if app.screen.maximized is not None:
                app.screen.minimize()
            if app.screen.query(Prompt):
                await pilot.press("escape")
                await pilot.pause()
            assert app.is_running, action.id

    assert acted or not STARTS.intersection(action.id for action in here)


def known(screen: PlaceScreen, action: Action) -> bool:
    """Whether something does an action on a screen."""
    if action.id.startswith("go.") and action.id.removeprefix("go.") in NAMES:
        return True
    return any(hasattr(target, action.method) for target in (*screen.targets(), Grid))


async def test_number_keys_go_to_the_places_and_minus_goes_back(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        seen = []
        for key in "235781":
            await pilot.press(key)
            await settle(pilot)
            seen.append(app.current_mode)
        await pilot.press("minus")
        await settle(pilot)

        assert seen == ["data", "runs", "registry", "monitoring", "infrastructure", "overview"]
        assert app.current_mode == "infrastructure"


async def test_enter_opens_a_run_brackets_turn_tabs_and_escape_returns(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("j", "enter")
        await settle(pilot)
        assert type(app.screen) is RunScreen
        assert "fit: round 180 of 300" in text_of(app)
        await pilot.press("right_square_bracket")
        await pilot.pause()
        shown = text_of(app)
        assert "[tasks]" in shown
        assert "round 186 of 300" in shown
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await pilot.pause()
        assert "peak" in text_of(app)
        await pilot.press("escape")
        await settle(pilot)

        assert len(app.screen_stack) == 1
        assert "Runs" in text_of(app)


async def test_a_filter_works_while_it_is_typed_and_escape_takes_it_away(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("slash", *"flow:train state", "colon", *"failed", "enter")
        await settle(pilot)
        assert "/flow:train state:failed" in text_of(app)
        assert grid(app.screen, "#runs").window.total == 2
        await pilot.press("slash", *" flow", "colon", "enter")
        await settle(pilot)
        assert "needs a value" in text_of(app)
        await pilot.press("escape")
        await settle(pilot)

        assert grid(app.screen, "#runs").window.total == 46


async def test_sort_goes_by_the_chosen_column(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("full_stop", "full_stop", "full_stop", "full_stop", "s")
        await settle(pilot)
        body = app.screen.body  # type: ignore[attr-defined]
        durations = [run.duration_s for run in body.rows if run.duration_s is not None]

        assert grid(app.screen, "#runs").choice.sort == "duration"
        assert durations == sorted(durations, reverse=True)


async def test_the_command_line_completes_goes_and_says_what_it_does_not_know(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"reg", "tab", "enter")
        await settle(pilot)
        here = app.current_mode
        await pilot.press("colon", *"theme mono", "enter")
        await settle(pilot)
        assert (here, app.theme) == ("registry", "mono")
        await pilot.press("colon", *"glyphs ascii", "enter")
        await settle(pilot)
        assert "\u2713" not in text_of(app)
        await pilot.press("colon", *"[/x] nonsense", "enter")
        await settle(pilot)

        assert app.is_running
        assert any("no command" in note.message for note in app._notifications)


async def test_help_palette_and_maximise(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("m")
        await pilot.pause()
        maximised = app.screen.maximized
        await pilot.press("escape")
        await pilot.pause()
        assert (maximised is None, app.screen.maximized is None) == (False, True)
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        assert type(app.screen).__name__ == "CommandPalette"
        await pilot.press("escape")
        await settle(pilot)


async def test_marks_ranges_and_tab(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        runs = grid(app.screen, "#runs")
        await pilot.press("space", "space")
        assert len(runs.choice.marks) == 2
        await pilot.press("v", "j", "j", "v")
        assert len(runs.choice.marks) == 5
        await pilot.press("u")
        assert not runs.choice.marks
        await pilot.press("asterisk")
        assert len(runs.choice.marks) == 46
        before = app.focused
        await pilot.press("tab")

        assert app.focused is not before


async def test_cancelling_a_run_asks_and_enter_never_confirms(room: Room) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("j", "x")
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await pilot.press("enter")
        await settle(pilot)
        assert acted == []
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("y")
        await settle(pilot)

        assert acted == ["cancelled 7f3a9c1e22b0"]


async def test_keys_that_come_faster_than_a_dialog_leaves_do_no_harm(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        for first, then in (("x", "enter"), ("x", "escape"), ("question_mark", "escape"), ("enter", "escape")):
            app.post_message(Key(first, None))
            await pilot.pause(0.2)
            for _ in range(4):
                app.post_message(Key(then, None))
            await pilot.pause(0.3)
            await settle(pilot)
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await settle(pilot)

        assert app.is_running


async def test_q_goes_back_and_at_the_root_quits(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("q")
        await settle(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("q")
        await pilot.pause()

    assert app.return_code == 0
