"""Nothing from outside reaches a terminal as a command."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.text import visible


@given(st.text(max_size=200))
def test_whatever_comes_in_only_printable_characters_leave(text: str) -> None:
    shown = visible(text)

    assert shown.isprintable()


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_megabyte_is_cut_and_says_how_much_is_missing() -> None:
    shown = visible("x" * 1_000_000, longest=100)

    assert shown.startswith("x" * 100)
    assert shown.endswith("(+999900)")
    assert len(shown) < 120


def test_a_clipboard_attack_is_shown_and_not_sent() -> None:
    assert visible("\x1b]52;c;aGk=\a") == r"\e]52;c;aGk=\a"
