"""Runs that were judged on the same rows are compared row by row; others say why they are not."""

import pandas as pd
import pytest

from app.domain.workspace import Workspace
from app.services.runs import paired, with_paired
from app.store.engine import Store
from app.store.queries.runs import compare_runs
from tests.learning.made import make_frame, make_project, train_on


def test_runs_on_the_same_rows_get_a_paired_verdict_and_others_say_why_not(store: Store, workspace: Workspace) -> None:
    project, frame = make_project(workspace), make_frame(1500)
    for rounds, rows in ((2, frame), (12, frame), (12, frame.iloc[:-40])):
        train_on(store, project, rows, parameters={"rounds": rounds})
    weak, strong, other = (row["key"] for row in store.reader.rows("SELECT key FROM run ORDER BY id"))
    found = compare_runs(store.reader, [weak, strong, other])

    pairs = paired(store.reader, workspace, found)
    told = with_paired(found, pairs).verdicts

    sure, unsure = pairs
    metrics = {row["key"]: row["value"] for row in store.reader.rows(
        "SELECT r.key, m.value FROM metric m JOIN run r ON r.id = m.run_id WHERE m.key = 'auc'")}  # fmt: skip
    assert sure.gain == pytest.approx(metrics[strong] - metrics[weak])
    assert sure.low < sure.gain < sure.high  # type: ignore[operator]
    assert sure.blocks == "days"
    assert told[0].startswith(f"{strong[:6]} beats {weak[:6]} by ")
    assert "paired over" in told[0]
    assert unsure.gain is None
    assert unsure.why == f"{other[:6]} was judged on other rows, and neither is newer"
    assert told[1].endswith(f"not paired: {unsure.why}")


def test_a_run_without_a_version_and_a_project_that_is_gone_are_said(store: Store, workspace: Workspace) -> None:
    project = make_project(workspace)
    train_on(store, project, make_frame(400))
    with pytest.raises(Exception, match="nothing to learn"):
        train_on(store, project, make_frame(400).assign(late=False))
    trained, failed = (row["key"] for row in store.reader.rows("SELECT key FROM run ORDER BY id"))

    (without,) = paired(store.reader, workspace, compare_runs(store.reader, [trained, failed]))
    (nothing,) = paired(store.reader, workspace, compare_runs(store.reader, [failed, trained]))
    train_on(store, project, make_frame(400), parameters={"rounds": 3})
    again = store.reader.value("SELECT key FROM run ORDER BY id DESC")
    workspace.project_file("late").unlink()
    (gone,) = paired(store.reader, workspace, compare_runs(store.reader, [trained, str(again)]))

    assert without.why == nothing.why == f"{failed[:6]} kept no test rows"
    assert gone.why == "project late is gone"


def test_an_older_model_meets_a_newer_one_on_the_rows_of_the_newer(store: Store, workspace: Workspace) -> None:
    project, frame = make_project(workspace), make_frame(1500, months=5)
    early = frame[frame["at"] < frame["at"].min() + pd.DateOffset(months=3)]
    train_on(store, project, early, parameters={"rounds": 2})
    train_on(store, project, frame, parameters={"rounds": 12})
    old, new = (row["key"] for row in store.reader.rows("SELECT key FROM run ORDER BY id"))

    (there,) = paired(store.reader, workspace, compare_runs(store.reader, [old, new]))
    (back,) = paired(store.reader, workspace, compare_runs(store.reader, [new, old]))

    assert there.judged_on == back.judged_on == new
    assert there.gain is not None and there.gain > 0  # noqa: PT018
    assert back.gain == pytest.approx(-there.gain)
    assert f"rows of {new[:6]} by days" in there.says
