"""What is printed is data for a program, or columns for a person, and nothing that a terminal obeys."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.render import Bar, emit, plain, table

LEAVES = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_value_becomes_strict_json(value: object) -> None:
    text = json.dumps(plain(value), allow_nan=False)

    assert isinstance(text, str)


def test_a_table_aligns_numbers_to_the_right_and_shows_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "rows"], [("a", 5), ("bb", 1000), ("c", None)], empty="nothing")

    assert capsys.readouterr().out.splitlines() == ["NAME  ROWS", "a        5", "bb    1000", "c        –"]


def test_a_hostile_value_reaches_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name"], [("\x1b]52;c;aGk=\a[/x][@click=app.quit]",)], empty="nothing")
    emit({"name": "\x1b]0;x\a"}, as_json=True, human=lambda: None)

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\a" not in printed
    assert "[@click=app.quit]" in printed


def test_an_empty_table_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name"], [], empty="no model yet; train one: trainmaster train run")

    assert capsys.readouterr().out == "no model yet; train one: trainmaster train run\n"


def test_progress_without_a_terminal_is_one_line_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()

    for share in (0.0, 0.1, 0.2):
        bar.show(share, "train: fit · round 7")
    bar.show(0.5, "train: evaluate")
    bar.done()

    assert capsys.readouterr().err.splitlines() == ["  0 %  train: fit", " 50 %  train: evaluate"]
