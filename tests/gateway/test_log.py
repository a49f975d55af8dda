"""The prediction log never waits, never shows half a file, and counts what it drops."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pyarrow.parquet
import pytest

from app.gateway.app import Gateway
from app.gateway.log import PredictionLog
from app.gateway.parts import Answered, prune, records_of_body
from app.services.serving import ActiveDeployment
from tests.gateway.conftest import RECORD, Promote, package

NOW = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)


def answered(rows: int, *, at: datetime = NOW) -> Answered:
    deployment = ActiveDeployment("d1", "flight-delay", "flight-delay", 1, 1, "a" * 64, 4)
    inputs, predictions = orjson.dumps([{"hour": 1}] * rows), orjson.dumps([0.5] * rows)
    return Answered("r1", at.timestamp(), deployment, rows, inputs, predictions)


def rows_of(folder: Path) -> dict[str, int]:
    """The rows of each day."""
    found: dict[str, int] = {}
    for part in folder.glob("*/*/part-*.parquet"):
        found[part.parent.name] = found.get(part.parent.name, 0) + pyarrow.parquet.read_metadata(part).num_rows
    return found


def eventually(holds: Callable[[], bool], *, within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


def test_days_have_folders_of_their_own_and_no_half_file_remains(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_s=0.01)
    log.start()
    log.take(answered(2))
    log.take(answered(3, at=datetime(2026, 1, 3, tzinfo=UTC)))

    log.close()

    assert rows_of(tmp_path) == {"2026-01-02": 2, "2026-01-03": 3}
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


def test_old_days_go_first_and_then_the_oldest_parts_until_the_size_holds(tmp_path: Path) -> None:
    def part(day: str, name: str) -> Path:
        file = tmp_path / "flight-delay" / day / f"part-{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 100)
        return file

    old, first, second, newest = (part(*one) for one in (("2025-01-01", "1"), ("2026-01-01", "1"), ("2026-01-02", "1"),
                                                         ("2026-01-02", "2")))  # fmt: skip

    by_age = prune(tmp_path, now=NOW, keep_days=30, keep_bytes=None)
    by_size = prune(tmp_path, now=NOW, keep_days=30, keep_bytes=250)
    last = prune(tmp_path, now=NOW, keep_days=30, keep_bytes=1)

    assert (by_age, by_size, last) == ([old], [first], [second])
    assert newest.exists()
    assert not old.parent.exists()


def test_a_writer_that_is_killed_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    written: list[int] = []
    log = PredictionLog(tmp_path, flush_s=0.2, on_written=written.append)
    log.start()
    log.take(answered(2))
    assert eventually(lambda: log.queued_rows == 0)
    first = log.writer_pid
    assert first is not None

    log.take(answered(3))
    os.kill(first, signal.SIGKILL)
    log.take(answered(4))
    assert eventually(lambda: log.queued_rows == 0)
    second = log.writer_pid
    log.close()

    assert second not in (None, first)
    assert rows_of(tmp_path) == {"2026-01-02": 9}
    assert sum(written) == 9


def test_a_part_that_no_writer_survives_is_given_up_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []
    monkeypatch.setattr("app.gateway.log.sys.executable", "/bin/false")
    log = PredictionLog(tmp_path, flush_s=0.01, on_dropped=dropped.append)
    log.start()
    log.take(answered(4))

    log.close()

    assert dropped == [4]
    assert log.queued_rows == 0


async def test_a_disk_that_blocks_slows_no_answer_and_what_does_not_fit_is_counted(
    client: httpx.AsyncClient, gateway: Gateway, promote: Promote, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(1, package(0.3))
    gateway.models.look()
    monkeypatch.setattr(gateway.log, "_capacity", 300)
    monkeypatch.setattr(gateway.log, "_flush_s", 0.05)
    gateway.log.start()
    body = [RECORD] * 100
    await client.post("/predict/flight-delay", json=body)
    assert await asyncio.to_thread(eventually, lambda: gateway.log.queued_rows == 0)
    writer = gateway.log.writer_pid
    assert writer is not None

    os.kill(writer, signal.SIGSTOP)
    begun = time.monotonic()
    answers = [(await client.post("/predict/flight-delay", json=body)).status_code for _ in range(10)]
    took_s = time.monotonic() - begun
    metrics = gateway.metrics.text().decode()
    os.kill(writer, signal.SIGCONT)

    assert answers == [200] * 10
    assert took_s < 5
    assert "trainmaster_gateway_dropped_rows_total 700.0" in metrics


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"a": 1}', 1),
        (b'  [ {"a": 1} , {"b": "}{"} ]', 2),
        (b'{"records": [{"a": 1}, {"a": 2}]}', 2),
        (b'{"records": [{"a": "{"}]}', 1),
        (b'[{"records": 1}]', 1),
        (b'{"a": "}"}', 1),
    ],
)
def test_the_records_of_a_body_are_those_that_were_answered(body: bytes, count: int) -> None:
    document = json.loads(body)
    records = document["records"] if isinstance(document, dict) and "records" in document else document

    found = [json.loads(record) for record in records_of_body(body, count)]

    assert found == (records if isinstance(records, list) else [records])
