"""`trainmaster monitor`, `alerts` and `feedback` from a shell, on a small project with a bad April."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import run
from app.domain.workspace import Workspace
from tests import monthly
from tests.monthly import Month, arrive


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A quarter, and an April whose labels mean something else."""
    root: Path = tmp_path_factory.mktemp("cli") / "workspace"
    shutil.copytree(monthly.kept_quarter(tmp_path_factory.getbasetemp()), root)
    arrive(Workspace(root), Month(4, meaning=0.1))
    return Workspace(root)


def said(capsys: pytest.CaptureFixture[str], place: Workspace, *words: str) -> tuple[int, Any, str]:
    """Exit code, what was printed (read when it is JSON), and the messages."""
    capsys.readouterr()
    code = 0
    try:
        run([*words, "--workspace", str(place.root)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if "--json" in words and printed.out else printed.out, printed.err


def test_monitor_show_tells_signals_and_the_timeline(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = said(capsys, place, "monitor", "show", "--json")
    _, words, notes = said(capsys, place, "monitor", "show")

    assert code == 0
    (auc,) = [one for one in shown["signals"] if one["name"] == "auc"]
    assert (auc["breached"], auc["limit_value"]) == (True, 0.7)
    assert [point["labelled_rows"] for point in shown["timeline"]] == [700]
    assert shown["timeline"][0]["realised"] == auc["value"]
    assert "more are within their limits" in notes
    assert "2013-04-01" in words


def test_monitor_calibrate_makes_the_reference_of_production_anew(
    place: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made, _ = said(capsys, place, "monitor", "calibrate", "--json")
    refused, _, why = said(capsys, place, "monitor", "calibrate", "99")

    assert (code, made["version"], made["rows"], made["estimates"]) == (0, 1, 1400, True)
    assert "no version 99" in why
    assert refused == 1


def test_monitor_serving_says_what_to_do_without_a_log(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, why = said(capsys, place, "monitor", "serving")

    assert code == 1
    assert "no prediction of monthly is logged" in why


def test_an_alert_is_explained_and_its_items_and_decisions_are_listed(
    place: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (alert,), _ = said(capsys, place, "alerts", "ls", "--json")
    _, explained, _ = said(capsys, place, "alerts", "explain", alert["alert"], "--json")
    _, items, _ = said(capsys, place, "feedback", "ls", "--json")
    _, decisions, _ = said(capsys, place, "feedback", "decisions", "--json")

    assert explained["signal"] == "auc"
    assert explained["suspects"]
    assert explained["took_s"] < 5
    assert {item["alert"] for item in items} == {alert["alert"]}
    assert {item["receiver"] for item in items} == {"experiment", "data_engineering", "scheduler"}
    assert [(one["retrain"], one["alert"]) for one in decisions] == [(True, alert["alert"])]


def test_a_retrain_by_hand_waits_for_the_one_under_way(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, why = said(capsys, place, "feedback", "retrain", "--reason", "now")
    _, decisions, _ = said(capsys, place, "feedback", "decisions", "--json")

    assert code == 1
    assert "under way" in why
    assert (decisions[0]["trigger"], decisions[0]["retrain"]) == ("hand", False)
