"""The feature tabs of Data & Features: versions and skew, views with histograms, rules, training sets."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from app.domain.workspace import Workspace
from app.tui.app import ControlRoom
from app.tui.screens.features_rules import read_rules
from app.tui.screens.tabs import TabbedScreen
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


def turning(tab: str, *keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Go to the place of data, bring a tab to the front wherever it stands in the row, press keys."""

    async def run_before(pilot: Pilot[Any]) -> None:
        await going("data")(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TabbedScreen)
        await screen.turn_to(tab)
        await pilot.pause(0.2)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.3)

    return run_before


async def shown(app: ControlRoom, tab: str, *keys: str, size: tuple[int, int] = (120, 36)) -> str:
    """The screen after some keys in a tab."""
    async with app.run_test(size=size) as pilot:
        await turning(tab, *keys)(pilot)
        await settle(pilot)
        return text_of(app)


async def test_a_version_shows_what_changed_what_is_online_and_whether_it_agrees(room: Room) -> None:
    found = await shown(room(), "features")

    assert "v3 against v2" in found
    assert "online v3 80,870 rows" in found
    assert "skew 0 differences in 1,349 values" in found


async def test_a_narrow_screen_keeps_the_result_in_two_lines(room: Room) -> None:
    found = await shown(room(), "features", size=(80, 24))

    assert "online v3 80,870 rows" in found
    assert "skew 0 differences" in found


async def test_views_are_searched_by_their_columns_and_show_their_statistics(room: Room) -> None:
    everything = await shown(room(), "views", "j")
    found = await shown(room(), "views", "slash", *"wind_speed", "enter")

    assert "15 values" in everything
    assert "UA" in everything
    assert "weather_at_origin" in found
    assert "aircraft" not in found


async def test_rules_are_drawn_as_the_graph_that_their_parameters_make(room: Room, code: Path) -> None:
    found = await shown(room(), "rules", "end")

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


def test_a_view_over_history_comes_after_the_facts_that_it_reads(code: Path) -> None:
    view = '[views.lately]\nhistory = "clean"\n\n[views.lately.windows]\nshare = { take = "mean", hours = 24 }'
    (code / "project.toml").write_text(f"name = 'flight-delay'\n{view}\n\n[views.other]\nentity = ['id']\n")

    lately = read_rules(code.parent).rules[-1]

    assert (lately.name, lately.reads, lately.depth, lately.code) == ("lately", ("clean",), 2, view)


def test_code_that_cannot_be_read_is_named(code: Path) -> None:
    (code / "features.py").write_text("def broken(:")

    assert read_rules(code.parent).wrong.startswith("flight-delay/features.py: invalid syntax")


async def test_a_training_set_shows_its_split(room: Room) -> None:
    found = await shown(room(), "training-sets")

    assert "first-quarter/2" in found
    assert "the newest 1 month(s), 24 h gap" in found


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
@pytest.mark.parametrize("tab", ["features", "views", "training-sets"])
def test_a_tab(snap_compare: Compare, room: Room, tab: str, size: tuple[int, int]) -> None:
    assert snap_compare(room(), terminal_size=size, run_before=turning(tab, "j"))
