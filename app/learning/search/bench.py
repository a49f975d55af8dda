"""The parent's side of a trial: a child process with limits of time and memory, replaced when one is broken."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from app.domain.errors import BadInput
from app.learning.openmp import PASSIVE, VARIABLE, usable_threads
from app.learning.search.laid import Laid
from app.learning.search.study import Candidate
from app.learning.search.trial import Outcome

LOOK_S = 0.2
DIED = "its process died"
START_S = 60.0
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from app.learning.search.child import main; main()"
SHARE_OF_FREE = 0.8
"""How much of the memory that is free when the search begins a trial may take, when the project sets no limit."""

OnPoint = Callable[[float, float | None], bool]
OnWait = Callable[[], None]


@dataclass(frozen=True)
class Limits:
    """What a trial may use: seconds of wall time, bytes of memory beyond the rows, threads."""

    seconds: float
    memory_bytes: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Answer:
    """How a trial ended: with an outcome, or with what went wrong."""

    outcome: Outcome | None
    says: str
    seconds: float
    peak_bytes: int


class Bench:
    """One child at a time, which keeps what it prepared from trial to trial."""

    def __init__(self, laid: Laid, limits: Limits) -> None:
        self._laid, self._limits = laid, limits
        self._child: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._watched: psutil.Process | None = None
        self.starts = 0
        self._memory = limits.memory_bytes or int(psutil.virtual_memory().available * SHARE_OF_FREE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def run(self, candidate: Candidate, on_point: OnPoint, on_wait: OnWait = lambda: None) -> Answer:
        """Run a trial; `on_point(share, mean)` says whether it goes on, `on_wait` may write, and raise to end it all.

        It runs a second time, in a fresh child, when a child that had served before dies under it.
        A trial that raises, hangs, dies or takes too much memory gives an answer without an outcome. Raises BadInput
        when a child cannot be started at all.
        """
        fresh = self._child is None
        if fresh:
            self._start()
        answer = self._run(candidate, on_point, on_wait)
        if answer.outcome is None and not fresh and DIED in answer.says:
            self._start()  # an earlier trial may have left damage: once more, on its own
            answer = self._run(candidate, on_point, on_wait)
        return answer

    def _run(self, candidate: Candidate, on_point: OnPoint, on_wait: OnWait) -> Answer:
        begun, peak = time.monotonic(), 0
        deadline = begun + self._limits.seconds
        try:
            self._send(asdict(candidate))
            while True:
                message = self._hear(min(deadline, time.monotonic() + LOOK_S))
                peak = max(peak, self._rss())
                if message is None and (broken := self._broken(deadline, peak)):
                    self.end()
                    return Answer(None, broken, time.monotonic() - begun, peak)
                if message is None:
                    on_wait()
                elif message["kind"] == "point":
                    self._send("go" if on_point(message["share"], message["value"]) else "stop")
                    on_wait()  # the child grows meanwhile
                else:
                    return self._answer(message, peak)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Kill the child, if there is one."""
        child, self._child, self._unread = self._child, None, b""
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _start(self) -> None:
        root = str(Path(__file__).resolve().parents[3])
        descriptor = self._laid.file.fileno()
        self._child = subprocess.Popen(
            [sys.executable, "-c", BOOT, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(descriptor,),
            env={**os.environ, VARIABLE: PASSIVE},
            start_new_session=True,
        )
        self._watched = psutil.Process(self._child.pid)
        self.starts += 1
        threads = self._limits.threads or usable_threads()
        job = {
            "header": self._laid.header,
            "descriptor": descriptor,
            "threads": threads,
            "memory_bytes": self._memory,
        }
        try:
            self._send(job)
            message = self._hear(time.monotonic() + START_S)
        except BrokenPipeError:
            message = None
        if message is None or message["kind"] != "ready":
            code = self._child.poll()
            self.end()
            raise BadInput(f"the process for trials does not start (exit code {code})", next_step="trainmaster status")

    def _send(self, words: Any) -> None:
        assert self._child is not None and self._child.stdin is not None  # noqa: PT018
        line = words if isinstance(words, str) else json.dumps(words, allow_nan=False)
        try:
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return  # it has died: what is heard next says how

    def _hear(self, until: float) -> dict[str, Any] | None:
        """The next message, or None when there is none until then, or never."""
        assert self._child is not None and self._child.stdout is not None  # noqa: PT018
        pipe = self._child.stdout.fileno()
        while b"\n" not in self._unread:
            wait = max(0.0, until - time.monotonic())
            if not select.select([pipe], [], [], wait)[0]:
                return None
            got = os.read(pipe, 1 << 16)
            if not got:
                self._child.wait()
                return None
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def _rss(self) -> int:
        try:
            return int(self._watched.memory_info().rss) if self._watched else 0
        except psutil.Error:
            return 0

    def _broken(self, deadline: float, peak: int) -> str:
        assert self._child is not None
        code = self._child.poll()
        if code is not None:
            died = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            return f"{DIED} ({died})"
        if time.monotonic() >= deadline:
            return f"not done after {self._limits.seconds:g} s"
        if peak > self._memory + _size_of(self._laid):
            return (
                f"{peak / 2**30:.1f} GiB of memory, more than the {self._memory / 2**30:.1f} GiB that a trial may use"
            )
        return ""

    def _answer(self, message: dict[str, Any], peak: int) -> Answer:
        if message["kind"] == "failed":
            if message.get("again"):
                self.end()
            return Answer(None, str(message["says"]), float(message["seconds"]), peak)
        outcome = Outcome(
            tuple(message["values"]),
            int(message["rounds"]),
            tuple((share, value) for share, value in message["curve"]),
            bool(message["pruned"]),
        )
        return Answer(outcome, "", float(message["seconds"]), peak)


def _size_of(laid: Laid) -> int:
    return os.fstat(laid.file.fileno()).st_size


__all__ = ["Answer", "Bench", "Limits"]
