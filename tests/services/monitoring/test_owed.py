"""Windows that came late, were passed over, or whose labels landed after the next one: none is lost, none doubled."""

from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.queries.feedback import verdicts
from app.store.queries.monitoring import alerts, reports
from flows.monitor import monitor
from tests.monthly import BAD_APRIL, FEATURES, PROJECT, Month, arrive, bring


def label(workspace: Workspace, month: Month) -> None:
    """The labels of a month that came without them, in a file of their own."""
    folder = workspace.project_folder(PROJECT) / "incoming" / "rows"
    bring(workspace, month)
    labels = folder / f"rows-{month.number:02}.csv"
    labels.rename(folder / f"rows-{month.number:02}s-labels.csv")


@pytest.fixture
def last_word(quarter: Workspace) -> Workspace:
    """A project in which a later row of the same id counts."""
    code: Path = quarter.project_folder(PROJECT) / "features.py"
    code.write_text(FEATURES.replace("    return", '    rows = rows.drop_duplicates("id", keep="last")\n    return'))
    return quarter


def test_labels_that_land_a_month_late_are_judged_and_retrain_once(last_word: Workspace, quarter_store: Store) -> None:
    before = arrive(last_word, Month(4, meaning=0.1, labelled=False))
    label(last_word, BAD_APRIL)

    found = arrive(last_word, Month(5, labelled=False))
    again = monitor(PROJECT, workspace=str(last_word.root))

    assert (before["opened"], before["looked_back"]) == ([], [])
    assert (found["window"], found["looked_back"]) == ("2013-05", ["2013-04"])
    assert [alert[1] for alert in found["opened"]] == ["auc"]
    (alert,) = [one for one in alerts(quarter_store.reader) if one.signal == "auc"]
    assert "in 2013-04" in alert.says
    assert (again["looked_back"], again["opened"]) == ([], [])
    assert len(verdicts(quarter_store.reader, yes_only=True)) == 1

    label(last_word, Month(5))
    ended = arrive(last_word, Month(6, labelled=False))

    assert ended["looked_back"] == ["2013-05"]
    assert ended["resolved"] == [alert.key]


def test_months_that_come_together_or_late_are_each_watched_once(quarter: Workspace, quarter_store: Store) -> None:
    bring(quarter, BAD_APRIL)
    together = arrive(quarter, Month(5))
    arrive(quarter, Month(7))

    late = arrive(quarter, Month(6, meaning=0.1))

    assert (together["window"], together["looked_back"]) == ("2013-05", ["2013-04"])
    (alert,) = [one for one in alerts(quarter_store.reader) if one.signal == "auc"]
    assert (alert.state, alert.seen) == ("resolved", 1)
    assert (late["window"], late["looked_back"], late["opened"]) == ("2013-07", ["2013-06"], [])
    assert len(reports(quarter_store.reader)) == 4
