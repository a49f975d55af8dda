"""A fit in a child with limits: one that raises, hangs, dies or eats all memory is an error with a reason here."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from app.domain import errors
from app.domain.errors import BadInput, Refused
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.apart.process import LOOK_S, Limits, Process
from app.learning.apart.rows import written
from app.learning.learners.method import Fitted, Floats
from app.learning.openmp import usable_threads

if TYPE_CHECKING:
    import pyarrow as pa

    from app.learning.learners.method import Progress

CHILD = "app.learning.apart.fit_child"
LIGHT_BYTES = 400 << 20
"""A child that holds more than this after a fit is not kept for the next one."""

_spare: list[Process] = []


class LearnerFailed(Refused):
    """A learner raised what is no refusal; `trace` says where."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message, next_step="change [learner] in project.toml, or look at the features")
        self.trace = trace


def expect() -> None:
    """Start the process of the next fit beside what comes before it; a fit that finds none starts its own."""
    if not _spare:
        _spare.append(Process(CHILD))


def fit_apart(
    task: Task,
    rows: Floats | pa.Table,
    target: Floats,
    *,
    limits: Limits,
    learner: Learner,
    categories: Sequence[int] = (),
    names: Sequence[str] = (),
    classes: int = 0,
    quantile: float | None = None,
    rounds: int | None = None,
    watch: tuple[Floats | pa.Table, Floats] | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> Fitted:
    """`learners.fit` in a child process: the same model, to the byte; `on_wait` may raise to stop it.

    Raises what `learners.fit` raises; Refused for a fit that is not done in time or whose process dies, LearnerFailed
    for one that raises, MemoryError for one that takes more memory than it may.
    """
    memory_bytes = limits.most_bytes
    job = {
        "task": str(task),
        "learner": learner.model_dump(mode="json"),
        "categories": [int(place) for place in categories],
        "names": list(names),
        "classes": classes,
        "quantile": quantile,
        "rounds": rounds,
        "threads": limits.threads or usable_threads(),
        "memory_bytes": memory_bytes,
    }
    child, heard = _taken(), False
    try:
        with ExitStack() as open_files:
            sides = [(rows, target), *([watch] if watch else [])]
            files = [open_files.enter_context(written(*side)).fileno() for side in sides]
            size = sum(os.fstat(file).st_size for file in files)
            child.wait_ready()
            child.say(job, files)
        message, content = _heard(child, limits.seconds, memory_bytes, size, progress, on_wait)
        heard = True
    finally:
        if heard and not _spare and child.rss_bytes() < LIGHT_BYTES:
            _spare.append(child)
        else:
            child.end()
    return _told(message, content, learner)


def _taken() -> Process:
    """The process that was expected, when it still lives."""
    while _spare:
        try:
            found = _spare.pop()
        except IndexError:  # another thread was quicker
            break
        if found.serves:
            return found
        found.end()
    return Process(CHILD)


def _heard(
    child: Process,
    seconds: float,
    memory_bytes: int,
    size: int,
    progress: Progress | None,
    on_wait: Callable[[], None],
) -> tuple[dict[str, Any], bytes]:
    """What the child says at the end, with the model's bytes; raises when it has not said it within its limits."""
    deadline = time.monotonic() + seconds
    while True:
        message = child.hear(min(deadline, time.monotonic() + LOOK_S))
        peak = child.rss_bytes()
        if message is None:
            _refuse_broken(child, deadline, seconds, peak, memory_bytes, size)
            on_wait()
        elif message["kind"] == "point":
            if progress is not None:
                progress(message["step"], message["total"], message["metrics"])
        elif message["kind"] == "memory":
            raise MemoryError(f"out of memory: the fit may use {memory_bytes / 2**30:.1f} GiB")
        elif message["kind"] == "done":
            content = child.hear_bytes(message["size"], deadline)
            if content is None:
                _refuse_broken(child, time.monotonic(), seconds, 0, memory_bytes, size)
            return message, content or b""
        else:
            return message, b""


def _refuse_broken(child: Process, deadline: float, seconds: float, peak: int, memory_bytes: int, size: int) -> None:
    if died := child.death():
        raise Refused(
            f"the fit did not end: {died}",
            where="project.toml [learner]",
            next_step="look whether the machine has memory for it: trainmaster train estimate",
        )
    if time.monotonic() >= deadline:
        raise Refused(
            f"the fit was not done after {seconds:g} s, and was ended",
            where="project.toml [learner] minutes",
            next_step="set learner.minutes in project.toml if it needs longer, or choose a smaller learner",
        )
    if peak > memory_bytes + size:
        raise MemoryError(f"out of memory: {peak / 2**30:.1f} GiB, and the fit may use {memory_bytes / 2**30:.1f} GiB")


def _told(message: dict[str, Any], content: bytes, learner: Learner) -> Fitted:
    """The model; raises what the learner raised."""
    if message["kind"] == "refused":
        kind = getattr(errors, message["error"], BadInput)
        raise kind(message["message"], where=message["where"], next_step=message["next_step"])
    if message["kind"] == "failed":
        raise LearnerFailed(f"the learner failed: {message['says']}", message["trace"])
    points = {name: [(int(step), float(value)) for step, value in found] for name, found in message["points"].items()}
    return Fitted(content, message["format"], learner.kind, message["parameters"], message["rounds"], points)


def _end_spare() -> None:
    """Wait for the one that is kept: what it used counts as used by this process."""
    while _spare:
        _spare.pop().end()


os.register_at_fork(after_in_child=_spare.clear)
atexit.register(_end_spare)

__all__ = ["LearnerFailed", "expect", "fit_apart"]
