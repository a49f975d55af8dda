"""How many threads a fit should take: the cores that nobody else keeps busy."""

import os
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class CpuClock:
    """CPU seconds of the whole machine and of this process at one moment of the monotonic clock."""

    at_s: float
    machine_s: float
    own_s: float

    @classmethod
    def now(cls) -> "CpuClock":
        """Read the clocks; a machine that does not tell its times counts as idle."""
        try:
            times = psutil.cpu_times()
            busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
        except (psutil.Error, OSError, AttributeError):
            busy = 0.0
        own = os.times()
        return cls(time.monotonic(), busy, own.user + own.system + own.children_user + own.children_system)


def busy_elsewhere(before: CpuClock, after: CpuClock) -> float:
    """How many cores others kept busy between two readings; 0 for readings less than 50 ms apart.

    >>> busy_elsewhere(CpuClock(0.0, 10.0, 2.0), CpuClock(2.0, 14.0, 4.0))
    1.0
    """
    elapsed_s = after.at_s - before.at_s
    if elapsed_s < 0.05:
        return 0.0
    return max(0.0, (after.machine_s - before.machine_s) - (after.own_s - before.own_s)) / elapsed_s


def choose_threads(cores: int, busy_cores: float, *, serving: bool = False) -> int:
    """Threads for a fit on `cores` cores of which others keep `busy_cores` busy; one core stays free while serving.

    A core counts as taken from half of its time on: a barrier waits for the slowest thread.

    >>> choose_threads(8, 0.2), choose_threads(8, 1.6), choose_threads(2, 0.9), choose_threads(1, 1.0)
    (8, 6, 1, 1)
    >>> choose_threads(8, 0.0, serving=True), choose_threads(2, 0.0, serving=True)
    (7, 2)
    """
    taken = int(busy_cores + 0.5)
    kept = 1 if serving and cores > 2 else 0
    return max(1, cores - max(taken, kept))
