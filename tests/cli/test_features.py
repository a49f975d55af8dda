"""`trainmaster features`: what is online, skew, search and training sets from a shell."""

import json

import pytest

from app.cli.main import run
from app.domain.workspace import Workspace
from app.services.features import materialize
from app.services.running import running
from app.store.engine import Store
from tests.services import made


@pytest.fixture
def place(workspace: Workspace, store: Store) -> Workspace:
    """The homes, built and online."""
    project = made.homes(workspace)
    made.take_in(store, project)
    made.build(store, project)
    with running(store, project, "materialize", stages=1) as running_now, running_now.task("materialize") as task:
        materialize(task)
    return workspace


def said(capsys: pytest.CaptureFixture[str], place: Workspace, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    code = 0
    try:
        run(["features", *arguments, "--workspace", str(place.root)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_an_entity_is_read_with_its_times(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, place, "get", "-e", "home=h2", "--at", "2013-01-04T12:00:00Z", "--json")

    rows = {row["view"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["rates_in_town"]["values"] == {"rate": 9.9}
    assert rows["rates_in_town"]["age_s"] == 43_200
    assert rows["facts"]["values"] == {"size": 80.0, "kind": "ulm"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("get", "-e", "house=1"), "is not KEY=VALUE"),
        (("get", "-e", "home=h1", "--at", "2013-01-04"), "has no time zone"),
        (("get", "-e", "home=h1", "--view", "none"), "is not online"),
        (("show", "none"), "has no view"),
        (("training-set", "show", "none"), "there is no training set"),
    ],
)
def test_a_wrong_wish_exits_with_the_reason(
    place: Workspace, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    code, out, err = said(capsys, place, *arguments)

    assert (code, out) == (1, "")
    assert says in err
    assert "next:" in err


def test_skew_is_verified_from_a_shell(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, place, "verify-skew", "-n", "50", "--json")

    found = json.loads(out)
    assert (code, found["differences"], found["entities"]) == (0, 0, 4)


def test_views_are_searched_and_shown(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert [hit["view"] for hit in json.loads(said(capsys, place, "search", "rates", "--json")[1])] == ["rates_in_town"]
    assert json.loads(said(capsys, place, "show", "facts", "--json")[1])["entity"] == ["home"]


def test_a_training_set_goes_round(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    created = said(capsys, place, "training-set", "create", "base", "--json")
    listed = json.loads(said(capsys, place, "training-set", "ls", "--json")[1])
    shown = json.loads(said(capsys, place, "training-set", "show", "base/1", "--verify", "--json")[1])

    assert created[0] == 0
    assert [(row["name"], row["version"], row["rows"]) for row in listed] == [("base", 1, 2)]
    assert (shown["verified"], shown["digest"]) == (True, json.loads(created[1])["digest"])
