"""The prediction log: a bounded queue and a writer thread, so that a slow disk never slows an answer."""

import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.gateway.parts import REPEATED, Answered, prune, table

FLUSH_S = 5.0
FLUSH_ROWS = 10_000
LARGEST_PART_ROWS = 20_000
PRUNE_EVERY_S = 600.0
WARM_S = 2.0


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
        on_warm: Callable[[], object] = lambda: None,
    ) -> None:
        self._folder, self._capacity, self._flush_s = folder, capacity, flush_s
        self._keep_days, self._keep_bytes, self._pruned_at = keep_days, keep_bytes, float("-inf")
        self._on_written, self._on_dropped, self._on_warm = on_written, on_dropped, on_warm
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
        if not self._full.wait(min(WARM_S, self._flush_s)):
            _warm()
            self._on_warm()
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
        # what repeats is kept once; the records differ, so looking for repeats among them would only cost time
        pyarrow.parquet.write_table(table(group), half, compression="zstd", use_dictionary=REPEATED)
        half.rename(folder / name)


def _warm() -> None:
    """Load what writing needs while nothing waits for it."""
    import pyarrow.parquet  # noqa: F401


__all__ = ["Answered", "PredictionLog"]
