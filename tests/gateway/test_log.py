"""The prediction log never waits, never shows half a file, and counts what it drops."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet

from app.gateway.log import Answered, PredictionLog
from app.services.serving import ActiveDeployment

NOW = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)


def answered(rows: int, *, at: datetime = NOW) -> Answered:
    deployment = ActiveDeployment("d1", "flight-delay", "flight-delay", 1, 1, "a" * 64, 4)
    return Answered("r1", at.timestamp(), deployment, [b'{"hour":1}'] * rows, [0.5] * rows)


def test_days_have_folders_of_their_own_and_no_half_file_remains(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_s=0.01)
    log.start()
    log.take(answered(2))
    log.take(answered(3, at=datetime(2026, 1, 3, tzinfo=UTC)))

    log.close()

    found = {
        part.parent.name: pyarrow.parquet.read_metadata(part).num_rows for part in tmp_path.glob("*/*/part-*.parquet")
    }
    assert found == {"2026-01-02": 2, "2026-01-03": 3}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("part-")]
    assert log.queued_rows == 0


def test_what_does_not_fit_is_dropped_and_counted(tmp_path: Path) -> None:
    dropped: list[int] = []
    log = PredictionLog(tmp_path, capacity=5, on_dropped=dropped.append)

    kept = [log.take(answered(3)), log.take(answered(3)), log.take(answered(2))]

    assert kept == [True, False, True]
    assert dropped == [3]


def test_a_folder_that_cannot_be_written_is_counted_and_does_not_end_the_log(tmp_path: Path) -> None:
    dropped: list[int] = []
    (tmp_path / "flight-delay").write_text("a file where a folder should be")
    log = PredictionLog(tmp_path, flush_s=0.01, on_dropped=dropped.append)
    log.start()
    log.take(answered(4))

    log.close()

    assert dropped == [4]
