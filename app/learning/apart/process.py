"""The parent's side: a Python process that runs the `main` of a module at the other end of a line."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from app.domain.errors import BadInput
from app.learning.apart.line import Line
from app.learning.openmp import PASSIVE, VARIABLE

T = TypeVar("T")
DIED = "its process died"
LOOK_S = 0.2
START_S = 60.0
GONE_S = 5.0
"""How long a child that has hung up may take to end."""
SHARE_OF_FREE = 0.8
"""How much of the memory that is free when the work begins it may take, when the project sets no limit."""


@dataclass(frozen=True)
class Limits:
    """What the work may use: seconds of wall time, bytes of memory beyond its rows (None: most of what is free).

    `threads` of None are all that this process may use.
    """

    seconds: float
    memory_bytes: int | None = None
    threads: int | None = None

    @property
    def most_bytes(self) -> int:
        """The limit of memory in bytes, from what is free now when none is set."""
        return self.memory_bytes or int(psutil.virtual_memory().available * SHARE_OF_FREE)


class Process:
    """A child; it ends with the thread that began it, and it says `ready` when it hears."""

    def __init__(self, module: str) -> None:
        """Start `module.main(descriptor of the line)`, and do not wait for it."""
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[3])
        boot = f"import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main(int(sys.argv[2]))"
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-c", boot, root, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, VARIABLE: PASSIVE},
                start_new_session=True,
            )
        self._line = Line(ours)
        self._thread = threading.current_thread()
        self._watched = psutil.Process(self._child.pid)

    @property
    def serves(self) -> bool:
        """Whether it lives, and goes on to live while this thread does: a child ends with the thread that began it."""
        return self._child.poll() is None and self._thread is threading.current_thread()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, or None while it lives."""
        return self._child.poll()

    def say(self, words: object, files: Sequence[int] = ()) -> None:
        """Send a message with open files; whoever has died does not hear it, and what is heard next says so."""
        self._line.say(words, files=files)

    def hear(self, until: float) -> dict[str, Any] | None:
        """The next message, or None when there is none until then, or never."""
        return self._heard(self._line.hear(until))

    def hear_bytes(self, count: int, until: float) -> bytes | None:
        """The next so many bytes, or None as above."""
        return self._heard(self._line.hear_bytes(count, until))

    def wait_ready(self) -> None:
        """Wait for its first word; raises BadInput when it cannot be started at all."""
        message = self.hear(time.monotonic() + START_S)
        if message is None or message["kind"] != "ready":
            code = self._child.poll()
            self.end()
            raise BadInput(
                f"a process beside this one does not start (exit code {code})", next_step="trainmaster status"
            )

    def rss_bytes(self) -> int:
        """What it holds in memory; 0 when nobody knows."""
        try:
            return int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0

    def death(self) -> str:
        """How it died, in words, or nothing while it lives."""
        code = self._child.poll()
        if code is None:
            return ""
        return f"{DIED} ({f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'})"

    def end(self) -> None:
        """Kill it."""
        self._child.kill()
        self._child.wait()
        self._line.close()

    def _heard(self, found: T | None) -> T | None:
        if found is None and self._line.over:
            try:
                self._child.wait(GONE_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return found


__all__ = ["DIED", "LOOK_S", "Limits", "Process"]
