"""Batch prediction over the offline store."""

import io

import pandas as pd
import pytest

from app.domain.errors import NotFound
from app.domain.workspace import Workspace
from app.store import artifacts
from app.store.engine import Store
from app.store.queries.serving import prediction_batches
from flows.predict import predict
from tests.monthly import PROJECT, Month, bring, write_project


def test_rows_out_are_rows_in_and_a_second_batch_takes_only_what_is_newer(
    quarter: Workspace, quarter_store: Store
) -> None:
    from flows.features import features
    from flows.ingest import ingest

    nothing = predict(PROJECT, workspace=str(quarter.root))
    bring(quarter, Month(4))
    ingest(PROJECT, workspace=str(quarter.root))
    features(PROJECT, workspace=str(quarter.root))

    april = predict(PROJECT, workspace=str(quarter.root))

    assert (nothing["batch"], nothing["rows"]) == (None, 0)
    assert april["rows"] == 700
    newest, first = prediction_batches(quarter_store.reader)
    assert (first.rows, newest.rows) == (2100, 700)
    with quarter_store.read() as session:
        table = pd.read_parquet(io.BytesIO(artifacts.get(session, newest.artifact)))
    assert list(table.columns) == ["id", "at", "prediction", "score"]
    assert table["id"].is_unique
    assert set(table["prediction"]) == {"0", "1"}
    assert table["at"].min() >= pd.Timestamp("2013-04-01", tz="UTC")


def test_a_window_can_be_named(quarter: Workspace) -> None:
    window = {"from": "2013-02-01T00:00:00Z", "to": "2013-03-01T00:00:00Z"}

    summary = predict(PROJECT, parameters=window, workspace=str(quarter.root))

    assert summary["rows"] == 700


def test_the_batch_is_linked_to_version_and_features(quarter: Workspace, quarter_store: Store) -> None:
    edges = quarter_store.reader.rows("SELECT from_kind, from_key FROM lineage_edge WHERE to_kind = 'predictions'")

    assert {(edge["from_kind"], edge["from_key"]) for edge in edges} == {
        ("model", "monthly/1"),
        ("features", "monthly/v1"),
    }


def test_without_a_production_version_there_is_a_next_step(quarter: Workspace) -> None:
    workspace = write_project(quarter.root / "another")

    with pytest.raises(NotFound, match="production") as error:
        predict(PROJECT, workspace=str(workspace.root))

    assert "promote" in (error.value.next_step or "")
