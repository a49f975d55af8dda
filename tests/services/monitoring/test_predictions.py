"""Batch prediction over the offline store."""

import io
from pathlib import Path

import pandas as pd
import pytest

from app.domain.errors import BadInput, NotFound
from app.domain.workspace import Workspace
from app.services.predictions import answers, batch, load_version, newest_features, offline_frame, parts, production_of
from app.services.predictions.writing import write_batch
from app.services.workspaces import open_project
from app.store import artifacts
from app.store.engine import Store
from app.store.queries.serving import prediction_batches
from flows.predict import predict
from tests.monthly import PROJECT, Month, bring, write_project

EVERYTHING = {"from": "2013-01-01T00:00:00Z", "piece_rows": "100"}


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


@pytest.fixture
def halfway(quarter: Workspace, monkeypatch: pytest.MonkeyPatch) -> int:
    """A batch of all rows that died after its third piece of 100 rows."""
    real, done = parts.keep_part, [0]

    def dying(*given: object) -> object:
        if done[0] == 3:
            raise KeyboardInterrupt
        done[0] += 1
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "keep_part", dying)
    with pytest.raises(KeyboardInterrupt):
        predict(PROJECT, parameters=EVERYTHING, workspace=str(quarter.root))
    monkeypatch.setattr(batch, "keep_part", real)
    return done[0]


def test_a_batch_that_died_is_gone_on_with_and_becomes_the_same_bytes(
    quarter: Workspace, quarter_store: Store, halfway: int
) -> None:
    left = quarter_store.reader.rows("SELECT rows FROM prediction_part")

    finished = predict(PROJECT, parameters=EVERYTHING, workspace=str(quarter.root))
    again = predict(PROJECT, parameters=EVERYTHING, workspace=str(quarter.root))

    assert len(left) == halfway == 3
    assert (finished["rows"], finished["kept"]) == (2100, sum(int(row["rows"]) for row in left))
    assert again["kept"] == 0
    newest, before = prediction_batches(quarter_store.reader)[:2]
    assert newest.artifact == before.artifact
    assert quarter_store.reader.rows("SELECT id FROM prediction_part") == []
    assert not list(quarter.state.glob("batch-*"))


def test_the_pieces_of_a_batch_are_what_the_whole_frame_gives(quarter: Workspace, quarter_store: Store) -> None:
    made = predict(PROJECT, parameters=EVERYTHING, workspace=str(quarter.root))
    project = open_project(quarter, PROJECT)
    with quarter_store.read() as session:
        features = newest_features(session, 1, PROJECT)
        version = production_of(session, 1, PROJECT).version_id
        content = artifacts.get(session, prediction_batches(quarter_store.reader)[0].artifact)
    frame = offline_frame(quarter_store, project, features.id or 0, (None, None))

    whole = answers(frame, load_version(quarter_store, version), project.file)

    assert made["rows"] == len(frame) == 2100
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), whole, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("name", ["all.parquet", "all.csv"])
def test_a_batch_becomes_a_file_absent_or_whole(
    quarter: Workspace, quarter_store: Store, tmp_path: Path, name: str
) -> None:
    (found,) = prediction_batches(quarter_store.reader)
    target = tmp_path / name
    target.write_text("old")

    written = write_batch(quarter_store, found.key, target)

    rows = pd.read_csv(target) if name.endswith("csv") else pd.read_parquet(target)
    assert (written.rows, len(rows), rows.columns.tolist()) == (2100, 2100, ["id", "at", "prediction", "score"])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


def test_a_file_of_another_kind_is_refused_before_anything_is_done(quarter_store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"neither in \.parquet nor in \.csv"):
        write_batch(quarter_store, "nosuch", tmp_path / "all.pkl")
    with pytest.raises(NotFound, match="no batch"):
        write_batch(quarter_store, "nosuch", tmp_path / "all.csv")
