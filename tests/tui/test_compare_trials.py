"""Experiments: marked trials side by side, fold by fold; importances and calibration of compared runs."""

import pytest

from app.store.engine import Store
from app.tui.grid import Grid
from app.tui.screens.compare import CompareScreen
from app.tui.screens.compare_trials import CompareTrialsScreen
from tests.tui.conftest import Room, settle, text_of
from tests.tui.seed import Seeded


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
async def test_marked_trials_are_compared_fold_by_fold(room: Room, size: tuple[int, int]) -> None:
    app = room()
    async with app.run_test(size=size) as pilot:
        app.go("experiments")
        await settle(pilot)
        key = app.screen.body.chosen.key  # type: ignore[attr-defined]
        app.screen.query_one("#trials", Grid).choice.marks.update({(key, 2), (key, 4), (key, 6)})
        await pilot.press("c")
        await settle(pilot)
        screen, short = app.screen, text_of(app)
        await pilot.press("right", "b")
        await settle(pilot)
        other = text_of(app)
        await pilot.press("y")
        copied = app.clipboard

    assert isinstance(screen, CompareTrialsScreen)
    assert "compare 3" in short
    assert "num_leaves" in short
    assert "t4 beats t2: +0.0080 ± 0.0000" in short
    assert "t2 is behind t6" in other
    assert copied == f"trainmaster experiments compare {key} 2 4 6"


async def test_a_trial_alone_is_compared_with_the_untuned_one(room: Room, seeded: Seeded) -> None:
    app = room()
    async with app.run_test(size=(120, 36)) as pilot:
        app.go("experiments")
        await settle(pilot)
        await pilot.press("c")
        await settle(pilot)
        screen = app.screen

    assert isinstance(screen, CompareTrialsScreen)
    assert {"t2", "t6"} == set(screen.keys)


async def test_importances_and_calibration_of_the_chosen_run_stand_beside_the_curves(
    room: Room, seeded: Seeded, store: Store
) -> None:
    row = store.reader.rows("SELECT r.key FROM model_version v JOIN run r ON r.id = v.run_id ORDER BY v.id DESC")
    keys = list(dict.fromkeys(str(one["key"]) for one in row))[:2]
    app = room()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.push_screen(CompareScreen(keys))
        await settle(pilot)
        await pilot.press("left_square_bracket")
        await settle(pilot)
        calibration = text_of(app)
        await pilot.press("left_square_bracket")
        await settle(pilot)
        importance = text_of(app)

    assert f"Calibration of {keys[1][:6]}" in calibration
    assert f"Importance of {keys[1][:6]}" in importance
    assert "departure_minute" in importance
