"""`trainmaster runs` and `store`: the language, comparing, notes, from a shell."""

import json

import pytest

from app.domain.workspace import Workspace
from app.store.engine import Store
from tests.cli.test_main import inside, outcome
from tests.store.world import make_world

__all__ = ["inside"]


def test_runs_are_asked_for_in_the_language_and_sorted(
    inside: Workspace, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(store)

    code, out, _ = outcome(capsys, "runs", "ls", "metrics.auc > .7 and params.rounds = 300", "--sort", "-metrics.auc", "--json")  # fmt: skip  # noqa: E501

    assert code == 0
    assert [row["run"] for row in json.loads(out)] == [world.runs["train"]]


def test_an_error_in_the_language_points_at_its_place(inside: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = outcome(capsys, "runs", "ls", "metrics.auc > .7 and colour:red")

    assert code == 2
    assert "filter position 22: there is no key 'colour'" in err


def test_runs_are_compared_noted_tagged_archived_and_pinned(
    inside: Workspace, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(store)
    one, other = world.runs["train"], world.runs["retrain"]

    told = [
        outcome(capsys, "runs", "note", one, "leaks"),
        outcome(capsys, "runs", "tag", one, "candidate", "team=risk"),
        outcome(capsys, "runs", "baseline", one),
        outcome(capsys, "runs", "compare", one, other),
        outcome(capsys, "runs", "compare", one, other, "--all", "--json"),
        outcome(capsys, "runs", "show", one),
        outcome(capsys, "runs", "archive", other, "--reason", "old"),
        outcome(capsys, "runs", "ls", "archived:yes"),
    ]

    assert [code for code, *_ in told] == [0] * len(told), told
    assert f"* {one.upper()}" in told[3][1]
    assert json.loads(told[4][1])["baseline"] == one
    assert "leaks" in told[5][1]
    assert "team=risk" in told[5][1]
    assert other in told[7][1]
