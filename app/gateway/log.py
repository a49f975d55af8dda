"""The prediction log: a bounded queue and a writer thread, so that a slow disk never slows an answer."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

FLUSH_S = 5.0
FLUSH_ROWS = 10_000
LARGEST_PART_ROWS = 20_000


@dataclass(frozen=True)
class Answered:
    """One request with its answers; `inputs` are the records as JSON, a quarter of the size of the objects."""

    request_id: str
    at: datetime
    project: str
    model: str
    version: int
    feature_set_version: int
    deployment: str
    inputs: Sequence[bytes]
    predictions: Sequence[Any]


class PredictionLog:
    """Keeps answers as `FOLDER/PROJECT/YYYY-MM-DD/part-*.parquet`, in batches, off the event loop.

    `take` never waits and wakes nobody until a batch is full: a thread that woke at each answer would fight the event
    loop for the interpreter. What does not fit into `capacity` rows is dropped and counted. A part appears by a
    rename, so a reader never meets half a file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        capacity: int = 50_000,
        flush_s: float = FLUSH_S,
        on_written: Callable[[int], None] = lambda _rows: None,
        on_dropped: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._folder, self._capacity, self._flush_s = folder, capacity, flush_s
        self._on_written, self._on_dropped = on_written, on_dropped
        self._waiting: deque[Answered] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._full = threading.Event()
        self._ended = False
        self._part = 0
        self._thread = threading.Thread(target=self._write_on, name="prediction-log", daemon=True)

    @property
    def queued_rows(self) -> int:
        """How many rows wait to be written."""
        return self._rows

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def take(self, answered: Answered) -> bool:
        """Keep an answer for the log; False when it was dropped."""
        rows = len(answered.predictions)
        with self._lock:
            fits = self._rows + rows <= self._capacity
            if fits:
                self._rows += rows
        if not fits:
            self._on_dropped(rows)
            return False
        self._waiting.append(answered)
        if self._rows >= FLUSH_ROWS and not self._full.is_set():
            self._full.set()
        return True

    def close(self, *, timeout_s: float = 10.0) -> None:
        """Write what waits, then end."""
        self._ended = True
        self._full.set()
        if self._thread.is_alive():
            self._thread.join(timeout=timeout_s)

    def _write_on(self) -> None:
        while not self._ended:
            self._full.wait(self._flush_s)
            self._full.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while self._waiting:
            batch: list[Answered] = []
            rows = 0
            while self._waiting and rows < LARGEST_PART_ROWS:
                batch.append(self._waiting.popleft())
                rows += len(batch[-1].predictions)
            self._flush(batch)

    def _flush(self, batch: list[Answered]) -> None:
        groups: dict[tuple[str, str], list[Answered]] = {}
        for answered in batch:
            groups.setdefault((answered.project, f"{answered.at.astimezone(UTC):%Y-%m-%d}"), []).append(answered)
        for (project, day), group in groups.items():
            rows = sum(len(answered.predictions) for answered in group)
            try:
                self._write(self._folder / project / day, group)
                self._on_written(rows)
            except Exception:
                logging.getLogger(__name__).exception("%d predictions could not be logged", rows)
                self._on_dropped(rows)
            with self._lock:
                self._rows -= rows

    def _write(self, folder: Path, group: list[Answered]) -> None:
        import pyarrow.parquet

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._part += 1
        name = f"part-{datetime.now(UTC):%H%M%S%f}-{os.getpid()}-{self._part}.parquet"
        half = folder / f".{name}.half"
        pyarrow.parquet.write_table(_table(group), half, compression="zstd")
        half.rename(folder / name)


def _table(group: list[Answered]) -> Any:
    import pyarrow as pa

    rows: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for answered in group:
        count = len(answered.predictions)
        rows["request_id"] += [answered.request_id] * count
        rows["row"] += range(count)
        rows["at"] += [answered.at] * count
        rows["project"] += [answered.project] * count
        rows["model"] += [answered.model] * count
        rows["version"] += [answered.version] * count
        rows["feature_set_version"] += [answered.feature_set_version] * count
        rows["deployment"] += [answered.deployment] * count
        rows["inputs"] += answered.inputs
        rows["prediction"] += [orjson.dumps(value).decode() for value in answered.predictions]
        rows["score"] += [max(value) if isinstance(value, list) else value for value in answered.predictions]
    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64()}
    return pa.table({name: pa.array(rows[name], kinds[kind]) for name, kind in SCHEMA.items()})


SCHEMA = {
    "request_id": "text",
    "row": "integer",
    "at": "time",
    "project": "text",
    "model": "text",
    "version": "integer",
    "feature_set_version": "integer",
    "deployment": "text",
    "inputs": "text",
    "prediction": "text",
    "score": "number",
}

__all__ = ["Answered", "PredictionLog"]
