"""Promotion and undo from the keyboard: production is confirmed by the typed name and a reason."""

from textual.widgets import Input

from app.store.engine import Store
from app.tui.app import ControlRoom
from app.tui.dialogs.dialog import Choice, Reasoned
from app.tui.grid import Grid
from app.tui.panel import Lines
from tests.tui.conftest import Room, settle, text_of

SIZE = (120, 36)


def awake(app: ControlRoom) -> bool:
    """Whether what confirms can be pressed."""
    return app.screen.query_one("#confirm", Choice).awake


async def test_the_dialog_says_what_changes_and_wakes_only_with_name_and_reason(room: Room) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        for _ in range(100):
            await pilot.pause(0.02)
            if isinstance(app.screen, Reasoned):
                break
        await pilot.pause(0.1)
        shown = text_of(app)
        for words in ("What changes", "v3 → v4", "Gates", "Open alerts", "Undo", "Same as", "models promote"):
            assert words in shown
        assert app.focused is not None
        assert app.focused.id == "cancel"
        assert awake(app) is False

        await pilot.press("tab", *"better")
        await pilot.press("enter")
        assert awake(app) is False
        await pilot.press(*"flight-dela")
        await pilot.pause()
        assert awake(app) is False
        await pilot.press("y")
        await pilot.pause()
        assert awake(app) is True
        await pilot.press("enter", "enter", "enter")
        await pilot.pause()
        assert acted == []
        assert isinstance(app.screen, Reasoned)
        await pilot.press("tab", "enter")
        await settle(pilot)

        assert acted == ["deploying flight-delay v4; z undoes it once it serves"]


async def test_escape_leaves_everything_as_it_is(room: Room) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        await pilot.pause(0.5)
        await pilot.press("escape")
        await settle(pilot)

        assert acted == []


async def test_a_refused_promotion_says_why(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        await pilot.press("p")
        await pilot.pause(0.6)

        assert "cannot be promoted" in text_of(app)
        assert "in production already" in text_of(app)


async def test_a_promotion_asked_for_is_a_row_that_waits(room: Room, store: Store) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        await pilot.pause(0.6)
        app.screen.query_one("#reason", Input).value = "better [/x] \x1b[31m"
        app.screen.query_one("#name", Input).value = "flight-delay"
        await pilot.pause()
        app.screen.query_one("#confirm", Choice).focus()
        await pilot.press("space")
        for _ in range(100):
            await pilot.pause(0.05)
            if store.reader.value("SELECT count(*) AS n FROM run WHERE flow = 'deploy' AND state = 'requested'"):
                break

        row = store.reader.one("SELECT reason FROM audit_event WHERE action = 'promotion.requested'")
        assert row is not None
        assert row["reason"].startswith("better")


async def test_undo_asks_and_names_the_promotion(room: Room) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("z")
        await pilot.pause(0.6)
        assert "Undo the promotion of flight-delay v3" in text_of(app)
        await pilot.press("y")
        await settle(pilot)

        assert acted == ["undone; the version before serves again"]


async def test_tab_goes_from_cancel_over_the_fields_to_promote_and_round(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        await pilot.pause(0.6)
        forward, back = [], []
        for _ in range(4):
            await pilot.press("tab")
            forward.append(app.focused.id if app.focused else None)
        for _ in range(4):
            await pilot.press("shift+tab")
            back.append(app.focused.id if app.focused else None)

        assert forward == ["reason", "name", "confirm", "cancel"]
        assert back == ["confirm", "name", "reason", "cancel"]


async def test_a_sentence_typed_at_once_goes_to_the_reason_and_its_spaces_do_not_cancel(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        await pilot.press(*"sees", "space", *"spring", "tab", *"flight-delay")
        await pilot.pause()

        assert app.screen.query_one("#reason", Input).value == "sees spring"
        assert app.screen.query_one("#name", Input).value == "flight-delay"
        assert awake(app) is True


async def test_a_button_that_sleeps_does_nothing_and_leaves_the_dialog(room: Room) -> None:
    app = room()
    acted: list[str] = []
    app.start_act = lambda work, *, doing="", done="": acted.append(done)  # type: ignore[method-assign]

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("p")
        await pilot.pause(0.6)
        await pilot.press("shift+tab", "enter", "space")
        await pilot.pause()

        assert acted == []
        assert isinstance(app.screen, Reasoned)


async def test_numbers_are_compared_on_the_same_rows_and_coloured_by_what_is_better(room: Room) -> None:
    app = room()

    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await settle(pilot)
        first = app.screen.query_one("#versions", Grid).window.rows[0]
        await pilot.press("p")
        await pilot.pause(0.6)
        facts = app.screen.query_one("#facts", Lines).shown

        assert first.cells[4] == ("+.004", "ok")
        assert any("on the same rows" in found[-1][0] and "production v3" in found[-1][0] for found in facts if found)
        better = next(found for found in facts if found and "auc" in found[0][0] and len(found) == 3)
        worse = next(found for found in facts if found and "log_loss" in found[0][0])
        assert better[-1][1] == "ok"
        assert (worse[-1][0].strip(), worse[-1][1]) == ("+.002", "bad")
