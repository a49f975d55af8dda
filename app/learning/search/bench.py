"""The parent's side of a trial: a child process with limits of time and memory, replaced when one is broken."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from app.learning.apart.process import DIED, LOOK_S, Limits, Process
from app.learning.openmp import usable_threads
from app.learning.search.laid import Laid
from app.learning.search.study import Candidate
from app.learning.search.trial import Outcome

OnPoint = Callable[[float, float | None], bool]
OnWait = Callable[[], None]


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
        self._child: Process | None = None
        self.starts = 0
        self._memory = limits.most_bytes

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
        assert self._child is not None
        begun, peak = time.monotonic(), 0
        deadline = begun + self._limits.seconds
        try:
            self._child.say(asdict(candidate))
            while True:
                message = self._child.hear(min(deadline, time.monotonic() + LOOK_S))
                peak = max(peak, self._child.rss_bytes())
                if message is None and (broken := self._broken(deadline, peak)):
                    self.end()
                    return Answer(None, broken, time.monotonic() - begun, peak)
                if message is None:
                    on_wait()
                elif message["kind"] == "point":
                    self._child.say("go" if on_point(message["share"], message["value"]) else "stop")
                    on_wait()  # the child grows meanwhile
                else:
                    return self._answer(message, peak)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _start(self) -> None:
        self.end()
        child = Process("app.learning.search.child")
        job = {
            "header": self._laid.header,
            "threads": self._limits.threads or usable_threads(),
            "memory_bytes": self._memory,
        }
        child.say(job, files=[self._laid.file.fileno()])
        child.wait_ready()
        self._child = child
        self.starts += 1

    def _broken(self, deadline: float, peak: int) -> str:
        assert self._child is not None
        if died := self._child.death():
            return died
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
