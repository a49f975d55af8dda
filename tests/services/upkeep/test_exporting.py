"""The whole store as Parquet: every row, typed, and every artifact; whole or absent."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.domain.errors import Refused
from app.services import upkeep
from app.store.engine import Store
from app.store.tables import metadata
from tests.store.world import make_world


def test_every_table_and_artifact_is_there(store: Store, tmp_path: Path) -> None:
    world = make_world(store)

    made = upkeep.export(store, tmp_path / "out")

    for table in metadata.sorted_tables:
        if table.name != "chunk":
            rows = store.reader.value(f"SELECT count(*) AS n FROM {table.name}")
            assert (
                pq.read_metadata(tmp_path / "out" / f"{table.name}.parquet").num_rows == rows == made.tables[table.name]
            )
    runs = pq.read_table(tmp_path / "out" / "run.parquet").to_pylist()
    trained = next(run for run in runs if run["key"] == world.runs["train"])
    assert trained["requested_at"] == datetime(2026, 1, 4, tzinfo=UTC)
    assert trained["state"] == "completed"
    metrics = pq.read_table(tmp_path / "out" / "metric.parquet").to_pylist()
    assert {row["special"] for row in metrics if row["key"] == "odd"} == {"nan"}
    for file in (tmp_path / "out" / "artifacts").iterdir():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name
    assert made.artifacts == len(list((tmp_path / "out" / "artifacts").iterdir())) > 0


def test_a_full_disk_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_world(store)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(Refused, match="No space left"):
        upkeep.export(store, tmp_path / "out")

    assert list(tmp_path.glob("*out*")) == []


def test_a_folder_that_is_there_is_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(Refused, match="there already"):
        upkeep.export(store, tmp_path / "out")
