"""The detail of a version: its verdict, importances, calibration and card, at both sizes, and nothing is markup."""

import json
from collections.abc import Sequence

import pytest

from app.store.queries.evaluation import EvaluationRow, evaluation_in
from app.tui import judgement
from app.tui.glyphs import ASCII, BRAILLE, Glyphs
from app.tui.lines import Line
from tests.tui.conftest import Room
from tests.tui.seed_judgement import manifest_of
from tests.tui.test_places import Compare, going


def judged(version: int = 3) -> EvaluationRow:
    """An evaluation as the store has it."""
    return evaluation_in(version, json.dumps(manifest_of(version)).encode())


def text(lines: Sequence[Line]) -> str:
    """The text of lines of spans."""
    return "\n".join("".join(span[0] for span in one) for one in lines)


@pytest.mark.parametrize(("tab", "turns"), [("importance", 4), ("calibration", 5), ("card", 8)])
def test_a_tab_of_a_version(snap_compare: Compare, room: Room, tab: str, turns: int) -> None:
    assert snap_compare(
        room(), terminal_size=(120, 36), run_before=going("registry", *["right_square_bracket"] * turns)
    )


@pytest.mark.parametrize("glyphs", [BRAILLE, ASCII])
@pytest.mark.parametrize("width", [60, 76, 118])
def test_every_feature_and_every_bin_has_its_line_within_the_pane(width: int, glyphs: Glyphs) -> None:
    importance = judgement.importance(judged(), width, glyphs)
    calibration = judgement.calibration(judged(), width, glyphs)

    assert len(importance) == 7
    assert len(calibration) == 6
    assert "departure_minute" in text(importance)
    assert max(len(line) for line in text(calibration).splitlines()) <= max(width, 62)


def test_a_verdict_says_on_how_many_draws_it_stands() -> None:
    assert "not significant  500 resamples of days" in text(judgement.verdict(judged(), BRAILLE))


def test_an_old_version_says_what_it_does_not_keep() -> None:
    old = evaluation_in(1, b"{}")

    assert "unknown" in text(judgement.importance(old, 80, BRAILLE))
    assert "unknown" in text(judgement.calibration(old, 80, BRAILLE))
    assert judgement.verdict(old, BRAILLE) == []
