"""The feature tabs of Data & Features: versions and skew, views with histograms, rules, training sets."""

from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.tui.app import ControlRoom
from app.tui.screens.features_rules import read_rules
from tests.tui.conftest import Room, settle, text_of
from tests.tui.test_places import Compare, going

CODE = '''
import pandas as pd


def clean(flights: pd.DataFrame) -> pd.DataFrame:
    """[/x] only real flights \x1b[31m."""
    return flights


def schedule(clean: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    return clean


def _help() -> None:
    pass
'''


@pytest.fixture
def code(workspace: Workspace) -> Path:
    """The feature code of a project on disk."""
    folder = workspace.project_folder("flight-delay")
    folder.mkdir(parents=True)
    (folder / "features.py").write_text(CODE)
    return folder


async def shown(app: ControlRoom, *keys: str, size: tuple[int, int] = (120, 36)) -> str:
    """The screen after some keys in the place of data."""
    async with app.run_test(size=size) as pilot:
        await going("data", *keys)(pilot)
        await settle(pilot)
        return text_of(app)


async def test_a_version_shows_what_changed_what_is_online_and_whether_it_agrees(room: Room) -> None:
    found = await shown(room(), "right_square_bracket")

    assert "v3 against v2" in found
    assert "online v3 80,870 rows" in found
    assert "skew 0 differences in 1,349 values of 203 entities" in found


async def test_a_narrow_screen_keeps_the_result_in_two_lines(room: Room) -> None:
    found = await shown(room(), "right_square_bracket", size=(80, 24))

    assert "online v3 80,870 rows" in found
    assert "skew 0 differences" in found


async def test_views_are_searched_by_their_columns_and_show_their_statistics(room: Room) -> None:
    turn = ["right_square_bracket"] * 2

    everything = await shown(room(), *turn, "j")
    found = await shown(room(), *turn, "slash", *"wind_speed", "enter")

    assert "15 values" in everything
    assert "UA" in everything
    assert "weather_at_origin" in found
    assert "aircraft" not in found


async def test_rules_are_drawn_as_the_graph_that_their_parameters_make(room: Room, code: Path) -> None:
    found = await shown(room(), *["right_square_bracket"] * 3, "end")

    assert "schedule" in found
    assert "└ clean" in found
    assert "└ planes" in found


def test_rules_come_after_what_they_read(code: Path) -> None:
    body = read_rules(code.parent)

    assert [(rule.name, rule.depth, rule.read_by) for rule in body.rules] == [
        ("flights", 0, ("clean",)),
        ("planes", 0, ("schedule",)),
        ("clean", 1, ("schedule",)),
        ("schedule", 2, ()),
    ]


def test_code_that_cannot_be_read_is_named(code: Path) -> None:
    (code / "features.py").write_text("def broken(:")

    assert read_rules(code.parent).wrong.startswith("flight-delay/features.py: invalid syntax")


async def test_a_training_set_shows_its_split(room: Room) -> None:
    found = await shown(room(), *["right_square_bracket"] * 4)

    assert "first-quarter/2" in found
    assert "the newest 1 month(s), 24 h gap" in found


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
@pytest.mark.parametrize(("tab", "turns"), [("features", 1), ("views", 2), ("training-sets", 4)])
def test_a_tab(snap_compare: Compare, room: Room, tab: str, turns: int, size: tuple[int, int]) -> None:
    keys = [*["right_square_bracket"] * turns, "j"]

    assert snap_compare(room(), terminal_size=size, run_before=going("data", *keys))
