"""What processes and this machine use now (psutil, NVML); a missing reading is None, never a crash."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from app.machine.energy import EnergyMeter
from app.machine.gpu import Gpu, read_gpus

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessSample:
    """One reading of a process with its children; CPU is 100 a core, bytes of disk count from the first reading."""

    cpu_percent: float
    rss_bytes: int
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    energy_j: float | None = None
    processes: int = 1


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


class TreeSampler:
    """Reads a process and all its children, again and again, for about a millisecond each time.

    >>> TreeSampler(os.getpid()).read().rss_bytes > 1_000_000
    True
    """

    def __init__(self, pid: int) -> None:
        self._root = pid
        self._known: dict[int, psutil.Process] = {}
        self._cpu_s: dict[int, float] = {}
        self._disk: dict[int, tuple[int, int]] = {}
        self._start: tuple[int, int] | None = None
        self._at: float | None = None
        self._energy = EnergyMeter()

    def read(self) -> ProcessSample:
        """One reading; CPU is the share since the last one (0 at the first), a process that is gone reads as zeros."""
        moment, used_s, rss, count = time.monotonic(), 0.0, 0, 0
        pids = self._tree()
        for pid in pids:
            try:
                process = self._known.get(pid) or psutil.Process(pid)
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
                self._known[pid] = process
            except (psutil.Error, OSError):
                continue
            cpu_s = times.user + times.system
            used_s += max(0.0, cpu_s - self._cpu_s.get(pid, 0.0 if self._at is not None else cpu_s))
            self._cpu_s[pid] = cpu_s
            rss += memory.rss
            count += 1
            self._disk[pid] = _disk_of(process) or self._disk.get(pid, (0, 0))
        for gone in self._known.keys() - set(pids):
            del self._known[gone], self._cpu_s[gone]
        elapsed_s = moment - self._at if self._at is not None else 0.0
        self._at = moment
        totals = (sum(read for read, _ in self._disk.values()), sum(written for _, written in self._disk.values()))
        self._start = self._start or totals
        return ProcessSample(
            cpu_percent=100 * used_s / elapsed_s if elapsed_s > 0 else 0.0,
            rss_bytes=rss,
            **_gpu_use(pids),
            read_bytes=max(0, totals[0] - self._start[0]),
            written_bytes=max(0, totals[1] - self._start[1]),
            energy_j=self._energy.joules(),
            processes=count,
        )

    def _tree(self) -> list[int]:
        """The process and its descendants: from /proc in a few reads, elsewhere from psutil."""
        found, pending = [], [self._root]
        while pending:
            pid = pending.pop()
            found.append(pid)
            try:
                tasks = os.listdir(f"/proc/{pid}/task")
                for task in tasks:
                    with open(f"/proc/{pid}/task/{task}/children", "rb") as children:
                        pending += [int(child) for child in children.read().split()]
            except FileNotFoundError:
                if pid == self._root and not os.path.isdir("/proc/self/task"):
                    return [pid, *(child.pid for child in _children(pid))]
            except OSError:
                continue
        return found


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except (psutil.Error, OSError):
        return []


def _disk_of(process: psutil.Process) -> tuple[int, int] | None:
    try:
        counters = process.io_counters()
        return counters.read_bytes, counters.write_bytes
    except (psutil.Error, OSError, AttributeError, NotImplementedError):
        return None


def _gpu_use(pids: list[int]) -> dict[str, Any]:
    """Percent and memory of the GPUs that these processes compute on; nothing where there is no GPU."""
    gpus = read_gpus()
    if not gpus:
        return {}
    mine = [(gpu, sum(used for pid, used in gpu.pids if pid in pids)) for gpu in gpus]
    busy = [gpu.percent for gpu, used in mine if used and gpu.percent is not None]
    return {"gpu_percent": max(busy, default=0.0), "gpu_memory_bytes": sum(used for _, used in mine)}


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
