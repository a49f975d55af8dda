"""Labels that never come, come late, come twice, or say something else the second time."""

import math

import pandas as pd

from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.queries.monitoring import alerts, latest_report, signals_of
from tests.monthly import PROJECT, Month, arrive


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


def test_labels_that_come_twice_and_contradict_are_told_and_change_no_answer(
    quarter: Workspace, quarter_store: Store
) -> None:
    from flows.arrival import arrival

    before = arrive(quarter, Month(4))
    again(quarter, "rows-04-again.csv", flip=True)
    found = arrival(PROJECT, workspace=str(quarter.root))["monitor"]

    known = signals(quarter_store)
    assert before["rows"] == 700
    assert found["rows"] == 1000
    assert "duplicates" in found["breached"]
    assert known["duplicates"][1] == "rows that repeat id, at"
    assert math.isfinite(found["metrics"]["auc"])
    assert found["metrics"]["auc"] < before["metrics"]["auc"]
