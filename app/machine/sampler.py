"""What processes and this machine use now (psutil, NVML); a missing reading is None, never a crash."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from app.machine.gpu import Gpu, read_gpus

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessSample:
    """One reading of one process with its children."""

    cpu_percent: float
    rss_bytes: int
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None


@dataclass(frozen=True)
class MachineSample:
    """One reading of the machine; percentages from 0 to 100, `load` is the average of one minute."""

    cpu_percent: float | None
    cores_percent: tuple[float, ...]
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    disk_used_bytes: int | None
    disk_total_bytes: int | None
    load: float | None
    gpus: tuple[Gpu, ...] = ()

    @property
    def memory_percent(self) -> float | None:
        """The share of memory in use, in percent."""
        return _percent(self.memory_used_bytes, self.memory_total_bytes)

    @property
    def disk_percent(self) -> float | None:
        """The share of the disk in use, in percent."""
        return _percent(self.disk_used_bytes, self.disk_total_bytes)


_processes: dict[int, psutil.Process] = {}


def sample_process(pid: int | None = None) -> ProcessSample:
    """Read a process; the first reading of a pid has 0 percent CPU, later ones the share since the last.

    >>> sample_process().rss_bytes > 1_000_000
    True
    """
    wanted = pid if pid is not None else os.getpid()
    try:
        process = _processes.setdefault(wanted, psutil.Process(wanted))
        return ProcessSample(process.cpu_percent(), process.memory_info().rss)
    except (psutil.Error, OSError):
        _processes.pop(wanted, None)
        return ProcessSample(0.0, 0)


def sample_machine(folder: Path) -> MachineSample:
    """Read CPU, memory, load, GPUs, and the disk that holds a folder; CPU is the share since the last call.

    >>> sample_machine(Path("/")).memory_total_bytes > 0
    True
    """
    cores = _try(lambda: tuple(psutil.cpu_percent(percpu=True))) or ()
    memory = _try(psutil.virtual_memory)
    disk = _try(lambda: psutil.disk_usage(str(folder)))
    load = _try(os.getloadavg)
    return MachineSample(
        cpu_percent=sum(cores) / len(cores) if cores else None,
        cores_percent=cores,
        memory_used_bytes=memory.total - memory.available if memory else None,
        memory_total_bytes=memory.total if memory else None,
        disk_used_bytes=disk.used if disk else None,
        disk_total_bytes=disk.total if disk else None,
        load=load[0] if load else None,
        gpus=read_gpus(),
    )


def _try(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (psutil.Error, OSError, NotImplementedError, AttributeError, ValueError):
        return None


def _percent(used: int | None, total: int | None) -> float | None:
    return 100.0 * used / total if used is not None and total else None
