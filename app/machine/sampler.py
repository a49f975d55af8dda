"""What processes and this machine use now (psutil, NVML); a missing reading is None, never a crash."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessSample:
    """One reading of one process with its children."""

    cpu_percent: float
    rss_bytes: int
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None


_processes: dict[int, psutil.Process] = {}


def sample_process(pid: int | None = None) -> ProcessSample:
    """Read a process; the first reading of a pid has 0 percent CPU, later ones the share since the last.

    >>> sample_process().rss_bytes > 1_000_000
    True
    """
    import os

    wanted = pid if pid is not None else os.getpid()
    process = _processes.setdefault(wanted, psutil.Process(wanted))
    try:
        return ProcessSample(process.cpu_percent(), process.memory_info().rss)
    except psutil.NoSuchProcess:
        _processes.pop(wanted, None)
        return ProcessSample(0.0, 0)
