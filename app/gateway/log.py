"""The prediction log: a bounded queue, a thread that empties it, and a process that writes what it held.

A slow disk never slows an answer, and neither does encoding: the thread only hands over bytes, several times a second.
Answers that were handed over are written even if the gateway is killed; if the writer is killed, they are handed to the
next one.
"""

import contextlib
import fcntl
import json
import logging
import os
import secrets
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from app.gateway.parts import Answered, packed

FLUSH_S = 5.0
HAND_OVER_S = 0.25
PART_ROWS = 10_000
WARM_S = 2.0
MOST_ATTEMPTS = 3
PAUSE_S = 1.0
PIPE_BYTES = 1 << 20
"""What the kernel keeps for a writer that is busy; with less the thread would fight for the interpreter more often."""
log = logging.getLogger(__name__)


class _Writer:
    """The process that writes. Everything here raises OSError when it is gone."""

    def __init__(self, folder: Path, limits: str) -> None:
        command = [sys.executable, "-m", "app.gateway.log_writer", str(folder), limits]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._blocks, self._replies, self._reply = self._process.stdin, self._process.stdout, b""
        self.pid = self._process.pid
        os.set_blocking(self._replies.fileno(), False)
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(self._blocks.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def say(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._blocks.fileno(), rest) :]

    def replies(self) -> Iterator[dict[str, Any]]:
        """What it has said since."""
        while (said := self._replies.read()) is not None:
            if not said:
                raise BrokenPipeError("it ended")
            *lines, self._reply = (self._reply + said).split(b"\n")
            yield from map(orjson.loads, lines)

    def last_replies(self) -> Iterator[dict[str, Any]]:
        """End its input; what it says until it ends."""
        self._blocks.close()
        with contextlib.suppress(BrokenPipeError):
            while True:
                select.select([self._replies], [], [])
                yield from self.replies()

    def kill(self) -> None:
        """End it where it stands; whoever waits for it is told."""
        self._process.kill()

    def stop(self) -> None:
        self.kill()
        self._process.wait()
        self._blocks.close()
        self._replies.close()


class _Part:
    """Answers that were handed over and are not known to be written."""

    def __init__(self, name: str) -> None:
        self.name, self.begun = name, time.monotonic()
        self.blocks: list[bytes] = []
        self.rows = self.attempts = 0
        self.ended = False

    @property
    def end(self) -> bytes:
        return orjson.dumps({"write": self.name}) + b"\n"


class PredictionLog:
    """Keeps answers as `FOLDER/PROJECT/YYYY-MM-DD/part-*.parquet`, in batches, off the event loop.

    `take` never waits and wakes nobody: a thread that woke at each answer would fight the event loop for the
    interpreter. What does not fit into `capacity` rows, those that are being written included, is dropped and counted.
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
        self._limits = json.dumps({"keep_days": keep_days, "keep_bytes": keep_bytes})
        self._on_written, self._on_dropped, self._on_warm = on_written, on_dropped, on_warm
        self._process = f"{os.getpid()}{secrets.token_hex(2)}"
        self._waiting: deque[Answered] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._count = 0
        self._open: _Part | None = None
        self._parts: dict[str, _Part] = {}
        self._writer: _Writer | None = None
        self._not_before = 0.0
        self._abandoned = False
        self._thread = threading.Thread(target=self._hand_over, name="prediction-log", daemon=True)

    @property
    def queued_rows(self) -> int:
        """How many rows wait to be written."""
        return self._rows

    @property
    def writer_pid(self) -> int | None:
        """The process that writes, once there is one."""
        writer = self._writer
        return None if writer is None else writer.pid

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def take(self, answered: Answered) -> bool:
        """Keep an answer for the log; False when it was dropped."""
        with self._lock:
            fits = self._rows + answered.rows <= self._capacity
            if fits:
                self._rows += answered.rows
        if not fits:
            self._on_dropped(answered.rows)
            return False
        self._waiting.append(answered)
        return True

    def close(self, *, timeout_s: float = 10.0) -> None:
        """Write what waits, then end; what a writer that hangs has not written in time is dropped and counted."""
        self._ended.set()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout=timeout_s)
        if self._thread.is_alive():
            self._abandoned = True
            writer = self._writer
            if writer is not None:
                writer.kill()
            self._thread.join(timeout=timeout_s)

    def _hand_over(self) -> None:
        pause_s = min(HAND_OVER_S, self._flush_s)
        if not self._ended.wait(min(WARM_S, self._flush_s)):
            self._attempt(self._writing)
            self._on_warm()
        while not self._ended.wait(pause_s):
            if time.monotonic() >= self._not_before:
                self._attempt(self._turn)
        for _ in range(MOST_ATTEMPTS + 1):
            if (self._waiting or self._parts) and not self._abandoned:
                self._attempt(self._finish)
        self._stop_writer()
        for part in list(self._parts.values()):
            self._done(part.name, written=0, lost=part.rows)
        if self._waiting:
            self._on_dropped(sum(answered.rows for answered in self._waiting))

    def _attempt(self, step: Callable[[], object]) -> None:
        """Do a step; when the writer is gone, another begins a moment later and gets what this one has not written."""
        try:
            step()
        except OSError as error:
            log.warning("the process that writes the prediction log is gone (%s)", error)
            self._not_before = time.monotonic() + PAUSE_S
            self._stop_writer()

    def _stop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()

    def _writing(self) -> _Writer:
        """The writer; a new one gets what another has not written, but for a part that no writer survives."""
        if self._writer is not None:
            return self._writer
        self._writer = writer = _Writer(self._folder, self._limits)
        for part in list(self._parts.values()):
            part.attempts += 1
            if part.attempts > MOST_ATTEMPTS:
                log.error("%d predictions could not be logged: no writer survives them", part.rows)
                self._done(part.name, written=0, lost=part.rows)
                continue
            for block in part.blocks:
                writer.say(block)
            if part.ended:
                writer.say(part.end)
        return writer

    def _turn(self) -> None:
        """Hand over what waits, end the part when it is due, and learn what was written."""
        writer = self._writing()
        for told in writer.replies():
            self._done(**told)
        while self._waiting:
            answers: list[Answered] = []
            rows = 0
            while self._waiting and rows < PART_ROWS:
                answers.append(self._waiting.popleft())
                rows += answers[-1].rows
            part = self._opened()
            part.blocks.append(packed(answers, part.name))
            part.rows += rows
            writer.say(part.blocks[-1])
            if part.rows >= PART_ROWS:
                self._end_part(writer)
        if self._open is not None and time.monotonic() - self._open.begun >= self._flush_s:
            self._end_part(writer)

    def _opened(self) -> _Part:
        if self._open is None:
            self._count += 1
            name = f"part-{datetime.now(UTC):%H%M%S%f}-{self._process}-{self._count}.parquet"
            self._open = self._parts[name] = _Part(name)
        return self._open

    def _end_part(self, writer: _Writer) -> None:
        part, self._open = self._open, None
        if part is not None:
            part.ended = True
            writer.say(part.end)

    def _finish(self) -> None:
        """End the last part and the input, and wait for the writer to end."""
        self._turn()
        writer = self._writing()
        self._end_part(writer)
        for told in writer.last_replies():
            self._done(**told)
        if self._parts:
            raise BrokenPipeError("it ended before it had written everything")

    def _done(self, part: str, *, written: int, lost: int) -> None:
        known = self._parts.pop(part, None)
        if known is None:
            return
        if known is self._open:
            self._open = None
        if written:
            self._on_written(written)
        if lost:
            self._on_dropped(lost)
        with self._lock:
            self._rows -= known.rows


__all__ = ["Answered", "PredictionLog"]
