"""The prediction log: a bounded queue and a writer thread, so that a slow disk never slows an answer."""

import contextlib
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from app.services.serving import ActiveDeployment

FLUSH_S = 5.0
FLUSH_ROWS = 10_000
LARGEST_PART_ROWS = 20_000
PRUNE_EVERY_S = 600.0


class Answered(NamedTuple):
    """One request with its answers; `at` is the time of the clock in seconds.

    `inputs` are the records as JSON, a quarter of the size of the objects; or the whole body of a request whose records
    hold no other object, which the writer takes apart, not the event loop.
    """

    request_id: str
    at: float
    deployment: "ActiveDeployment"
    inputs: Sequence[bytes] | bytes
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
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        on_written: Callable[[int], None] = lambda _rows: None,
        on_dropped: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._folder, self._capacity, self._flush_s = folder, capacity, flush_s
        self._keep_days, self._keep_bytes, self._pruned_at = keep_days, keep_bytes, float("-inf")
        self._on_written, self._on_dropped = on_written, on_dropped
        self._process = f"{os.getpid()}{secrets.token_hex(2)}"
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
            if time.monotonic() - self._pruned_at > PRUNE_EVERY_S:
                self._pruned_at = time.monotonic()
                self._prune()
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
            moment = datetime.fromtimestamp(answered.at, UTC)
            groups.setdefault((answered.deployment.project, f"{moment:%Y-%m-%d}"), []).append(answered)
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

    def _prune(self) -> None:
        try:
            prune(self._folder, now=datetime.now(UTC), keep_days=self._keep_days, keep_bytes=self._keep_bytes)
        except OSError:
            logging.getLogger(__name__).exception("the prediction log could not be pruned")

    def _write(self, folder: Path, group: list[Answered]) -> None:
        import pyarrow.parquet

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._part += 1
        name = f"part-{datetime.now(UTC):%H%M%S%f}-{self._process}-{self._part}.parquet"
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
        rows["at"] += [datetime.fromtimestamp(answered.at, UTC)] * count
        deployment = answered.deployment
        rows["project"] += [deployment.project] * count
        rows["model"] += [deployment.model] * count
        rows["version"] += [deployment.version] * count
        rows["feature_set_version"] += [deployment.feature_set_version] * count
        rows["deployment"] += [deployment.key] * count
        rows["inputs"] += (
            records_of_body(answered.inputs, count) if isinstance(answered.inputs, bytes) else answered.inputs
        )
        rows["prediction"] += [orjson.dumps(value).decode() for value in answered.predictions]
        rows["score"] += [max(value) if isinstance(value, list) else value for value in answered.predictions]
    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64()}
    return pa.table({name: pa.array(rows[name], kinds[kind]) for name, kind in SCHEMA.items()})


def prune(folder: Path, *, now: datetime, keep_days: float | None, keep_bytes: int | None) -> list[Path]:
    """Remove days that are older than `keep_days`, then the oldest parts until `keep_bytes` hold; gives what went.

    Half-written parts of processes that are gone (an hour old) go too; today's newest part always stays.
    """
    removed: list[Path] = []
    if keep_days is not None:
        oldest = f"{now.astimezone(UTC) - timedelta(days=keep_days):%Y-%m-%d}"
        removed += [part for part in folder.glob("*/*/part-*.parquet") if part.parent.name < oldest]
    removed += [half for half in folder.glob("*/*/.part-*.half") if now.timestamp() - half.stat().st_mtime > 3600]
    gone = set(removed)
    if keep_bytes is not None:
        parts = sorted((p for p in folder.glob("*/*/part-*.parquet") if p not in gone), key=_age)
        sizes = [part.stat().st_size for part in parts]
        too_much = sum(sizes) - keep_bytes
        for part, size in zip(parts[:-1], sizes, strict=False):
            if too_much <= 0:
                break
            removed.append(part)
            too_much -= size
    for part in removed:
        part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            part.parent.rmdir()  # only when it is empty
    return removed


def _age(part: Path) -> tuple[str, str]:
    return part.parent.name, part.name


def records_of_body(body: bytes, count: int) -> list[bytes]:
    """The JSON of each record of a body that was answered: one object, a list, or {"records": [...]}.

    >>> records_of_body(b'{"records": [{"a": 1}, {"a": "}"}]}', 2), records_of_body(b'[{"a": 1},{"a": 2}]', 2)
    ([b'{"a":1}', b'{"a":"}"}'], [b'{"a": 1}', b'{"a": 2}'])
    """
    if count == 1 and body.count(b"{") == 1:
        return [body[body.index(b"{") : body.rindex(b"}") + 1]]
    pieces = body.split(b"}")
    if len(pieces) - 1 in (count, count + 1) and body.count(b"{") == len(pieces) - 1:
        # each brace is that of a record (or of the object around them), none stands in a text
        return [piece[piece.rindex(b"{") :] + b"}" for piece in pieces[:count]]
    document = orjson.loads(body)
    records = document["records"] if isinstance(document, dict) and len(document) == 1 else document
    return [orjson.dumps(record) for record in (records if isinstance(records, list) else [records])]


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

__all__ = ["Answered", "PredictionLog", "prune", "records_of_body"]
