"""The one table of actions."""

import ast
import subprocess
import sys

import pytest

from app.domain.actions import (
    ACTIONS,
    EVERYWHERE,
    LIST,
    OVERVIEW,
    PLACES,
    RUN,
    RUNS,
    Action,
    Keymap,
    clashes,
    markdown,
    table,
)
from app.domain.errors import BadInput
from app.domain.roles import Permission
from app.domain.workspace import Workspace
from app.tui.grid import Grid
from app.tui.settings import read_settings

MEANINGS = {"r": "run", "t": "test", "p": "promote", "x": "stop", "a": "acknowledge", "l": "logs"}


def test_no_key_does_two_things_in_one_place() -> None:
    assert clashes(ACTIONS) == []


def test_a_clash_is_found() -> None:
    double = (*ACTIONS, Action("run.extra", "x", "something else", on=(RUNS,)))

    assert clashes(double) == ["x is run.cancel and run.extra on runs"]


def test_ids_are_unique_and_every_place_has_its_key() -> None:
    ids = [action.id for action in ACTIONS]

    assert len(set(ids)) == len(ids)
    assert [Keymap().by_id[f"go.{place.name}"].key for place in PLACES] == sorted(place.key for place in PLACES)


def test_a_key_can_be_given_to_another_action_id() -> None:
    keymap = Keymap(own={"run.cancel": "X", "list.filter": "ctrl+f"})

    found = keymap.find("X", (RUNS, EVERYWHERE))

    assert found is not None
    assert found.id == "run.cancel"
    assert keymap.find("x", (RUNS, LIST, EVERYWHERE)) is None


@pytest.mark.parametrize("own", [{"no.such": "x"}, {"run.cancel": "l"}, {"run.logs": "j"}])
def test_own_keys_that_cannot_work_are_refused_with_a_next_step(own: dict[str, str]) -> None:
    with pytest.raises(BadInput) as refused:
        Keymap(own=own)

    assert refused.value.next_step == "trainmaster keys"


def test_the_footer_shows_the_most_useful_keys_of_the_place_first() -> None:
    shown = [action.id for action in Keymap().footer((RUNS, LIST, EVERYWHERE))]

    assert shown[:4] == ["list.open", "run.again", "run.cancel", "run.logs"]
    assert "undo.last" not in shown
    assert "undo.last" in [action.id for action in Keymap().footer((OVERVIEW, LIST, EVERYWHERE))]


def test_a_letter_keeps_its_idea_on_every_screen() -> None:
    verbs = [a for a in ACTIONS if len(a.key) == 1 and a.key in MEANINGS]

    assert {a.key for a in verbs} <= set(MEANINGS)
    assert all(a.needs is not Permission.VIEW for a in verbs if a.key in "rtpxa")
    assert all(a.needs is Permission.VIEW for a in verbs if a.key == "l")


def test_the_table_lists_every_action_once_and_the_readme_gets_it() -> None:
    assert [row[1] for row in table()] == [action.id for action in ACTIONS]
    assert "| `x` | cancel | runs, run, experiments | run.cancel |" in markdown()


def test_lists_do_what_the_table_says_of_lists() -> None:
    beside = {"list.filter", "list.copy"}  # the screen knows what to filter and what to copy

    missing = [a.id for a in ACTIONS if LIST in a.on and a.id not in beside and not hasattr(Grid, a.method)]

    assert missing == []
    assert RUN not in Keymap().by_id["list.mark"].on


def test_settings_come_from_the_marker_file(workspace: Workspace) -> None:
    workspace.marker.write_text(
        'environment = "prod"\n[screen]\ntheme = "mono"\nglyphs = "ascii"\n[keys]\n"run.cancel" = "X"\n'
    )

    settings = read_settings(workspace)

    assert (settings.environment, settings.theme, settings.glyphs) == ("prod", "mono", "ascii")
    assert settings.keys == {"run.cancel": "X"}


@pytest.mark.parametrize("text", ["not = toml =", '[screen]\nglyphs = "emoji"\n'])
def test_bad_settings_are_one_clear_error(workspace: Workspace, text: str) -> None:
    workspace.marker.write_text(text)

    with pytest.raises(BadInput) as refused:
        read_settings(workspace)

    assert refused.value.where == "trainmaster.toml"


def test_the_table_of_keys_is_printed_without_loading_textual() -> None:
    program = "import sys; from app.domain import actions; assert actions.table(); print(sorted(sys.modules))"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"textual", "rich", "sqlmodel", "pydantic"}.intersection(ast.literal_eval(found.stdout))
