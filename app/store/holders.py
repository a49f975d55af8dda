"""Which process holds something: told from every other one, also after a reboot."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Holder:
    """A process that can be told from every other one, also after a reboot or when its pid is used again."""

    boot_id: str
    pid: int
    process_started: float


@functools.cache
def boot_id() -> str:
    """A text that is new after each start of the machine."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text().strip() if file.exists() else str(int(psutil.boot_time()))


def this_process() -> Holder:
    """The holder that this process is (not cached: a forked child is another)."""
    pid = os.getpid()
    return holder_of(pid)


def holder_of(pid: int) -> Holder:
    """The process with a pid, as a holder; raises psutil.NoSuchProcess."""
    return Holder(boot_id(), pid, started(pid))


def started(pid: int) -> float:
    """When a process began: seconds after boot where the kernel says so, for the clock may be set while it runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return psutil.Process(pid).create_time()
    return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def process_lives(holder: Holder) -> bool:
    """Whether that very process runs now on this machine (a zombie does not)."""
    try:
        process = psutil.Process(holder.pid)
        same = abs(started(holder.pid) - holder.process_started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


__all__ = ["Holder", "boot_id", "holder_of", "process_lives", "started", "this_process"]
