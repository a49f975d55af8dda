"""Labels that never come, come late, come twice, or say something else the second time."""

import pandas as pd
import pytest

from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.queries.monitoring import alerts, latest_report, signals_of
from flows.monitor import monitor
from tests.monthly import FEATURES, PROJECT, Month, arrive


def signals(store: Store) -> dict[str, tuple[float | None, str]]:
    report = latest_report(store.reader, PROJECT)
    assert report is not None
    return {one.name: (one.value, one.says) for one in signals_of(store.reader, report.key)}


def again(workspace: Workspace, name: str, *, flip: bool, rows: int = 300) -> None:
    """A file repeats rows of April, with their labels or with the opposite ones."""
    folder = workspace.project_folder(PROJECT) / "incoming" / "rows"
    frame = pd.read_csv(folder / "rows-04.csv")[:rows]
    if flip:
        frame["late"] = 1 - frame["late"]
    frame.to_csv(folder / f".{name}", index=False)
    (folder / f".{name}").rename(folder / name)


def test_labels_that_never_come_leave_the_estimate_and_say_so(quarter: Workspace, quarter_store: Store) -> None:
    found = arrive(quarter, Month(4, labelled=False))

    known = signals(quarter_store)
    assert (found["rows"], found["labelled_rows"], found["metrics"]) == (700, 0, {})
    assert known["label_coverage"][0] == 0.0
    assert known["estimated.auc"][0] is not None
    assert alerts(quarter_store.reader) == []


def test_labels_that_contradict_what_is_known_are_refused_and_change_nothing(
    quarter: Workspace, quarter_store: Store
) -> None:
    from flows.arrival import arrival

    arrive(quarter, Month(4))
    before = signals(quarter_store)
    again(quarter, "rows-04-again.csv", flip=True)

    with pytest.raises(BadInput, match="300 rows twice"):
        arrival(PROJECT, workspace=str(quarter.root))

    assert signals(quarter_store) == before
    assert monitor(PROJECT, workspace=str(quarter.root))["rows"] == 700


def test_a_corrected_label_is_judged_anew_where_the_project_keeps_the_last_word(
    quarter: Workspace, quarter_store: Store
) -> None:
    from flows.arrival import arrival

    code = quarter.project_folder(PROJECT) / "features.py"
    code.write_text(FEATURES.replace("    return", '    rows = rows.drop_duplicates("id", keep="last")\n    return'))
    before = arrive(quarter, Month(4))
    again(quarter, "rows-04-again.csv", flip=False)
    same = arrival(PROJECT, workspace=str(quarter.root))["monitor"]
    again(quarter, "rows-05-of-april.csv", flip=True)

    found = arrival(PROJECT, workspace=str(quarter.root))["monitor"]

    assert before["rows"] == same["rows"] == found["rows"] == 700
    assert same["metrics"] == before["metrics"]
    assert same["opened"] == []
    assert found["metrics"]["auc"] < before["metrics"]["auc"]
    assert [alert[1] for alert in found["opened"]].count("auc") == 1
