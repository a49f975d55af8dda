"""The gateway's log against the reference, and logged features against those that the offline store has now."""

from pathlib import Path

import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest

from app.domain.workspace import Workspace
from app.gateway.parts import Answered, table
from app.services.monitoring.serving_window import serving_report
from app.services.serving import active_deployments
from app.services.workspaces import open_project
from app.store.engine import Store
from tests.monthly import PROJECT, Month, arrive

ROWS, WRONG = 300, 6


@pytest.fixture
def logged(quarter: Workspace, quarter_store: Store) -> Path:
    """A day's log of answers for rows of March; six of them were asked with another `x` than the store has."""
    rows = pd.read_csv(quarter.project_folder(PROJECT) / "incoming" / "rows" / "rows-03.csv")[:ROWS]
    rows.loc[: WRONG - 1, "x"] += 1.0
    (deployment,) = active_deployments(quarter_store.reader)
    inputs = orjson.dumps(rows[["id", "at", "x", "colour"]].to_dict("records"))
    part = quarter.predictions / PROJECT / "2013-04-01" / "part-000001.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(
        table([Answered("one", 1_364_800_000.0, deployment, ROWS, inputs, orjson.dumps([0.5] * ROWS))]), part
    )
    return part


@pytest.mark.usefixtures("logged")
def test_a_day_of_the_log_is_watched_and_rows_that_were_asked_with_other_features_are_told(
    quarter: Workspace, quarter_store: Store
) -> None:
    found = serving_report(quarter_store, quarter, open_project(quarter, PROJECT))

    signals = {one.name: one for one in found.signals}
    assert (found.day, found.rows) == ("2013-04-01", ROWS)
    assert not signals["psi.x"].breached
    assert signals["skew.x"].value == pytest.approx(WRONG / ROWS)
    assert signals["skew.x"].breached
    assert "6 of 300 rows differ" in signals["skew.x"].says
    assert signals["skew.colour"].value == 0
    assert "skew.x" in found.says


def test_the_monitor_raises_the_skew_of_the_log_as_an_alert_and_reads_round_a_broken_part(
    quarter: Workspace, logged: Path
) -> None:
    (logged.parent / "part-000000.parquet").write_bytes(b"half")

    found = arrive(quarter, Month(4))

    assert "skew.x" in found["breached"]
    assert "skew.x" in {alert[1] for alert in found["opened"]}
