"""The child's side: the line that it was given, an end with its parent, and a limit that the system holds it to."""

import ctypes
import os
import signal
import socket
import sys

from app.learning.apart.line import Line

DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def line_of(descriptor: int) -> Line:
    """The child's end of the line; from here on the child dies with its parent, and prints to stderr only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    os.dup2(2, 1)
    return Line(socket.socket(fileno=descriptor))


def bound_memory(more_bytes: int) -> None:
    """Let the data of this process grow by so many bytes from here on, where the system can hold it to that."""
    if sys.platform != "linux":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = _data_bytes() + more_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _data_bytes() -> int:
    with open("/proc/self/status") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name == "VmData":
                return int(rest.split()[0]) * 1024
    return 0


__all__ = ["bound_memory", "line_of"]
