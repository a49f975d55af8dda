"""The processes below a process, with what they hold: from /proc in a few reads, elsewhere from psutil."""

import os
from dataclasses import dataclass

import psutil

MOST = 200


@dataclass(frozen=True)
class Process:
    """One process of a tree: how deep below the root, its command line, memory, and since when it has run."""

    pid: int
    depth: int
    command: str
    rss_bytes: int
    cpu_s: float


def tree_of(root: int) -> tuple[Process, ...]:
    """A process and everything below it, parents before children; nothing when it is gone.

    >>> found = tree_of(os.getpid())
    >>> found[0].pid == os.getpid(), found[0].depth, found[0].rss_bytes > 0
    (True, 0, True)
    """
    found: list[Process] = []
    pending = [(root, 0)]
    while pending and len(found) < MOST:
        pid, depth = pending.pop()
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                words = process.cmdline() or [process.name()]
                times = process.cpu_times()
                found.append(Process(pid, depth, _short(words), process.memory_info().rss, times.user + times.system))
        except (psutil.Error, OSError):
            continue
        pending += [(child, depth + 1) for child in sorted(_children(pid), reverse=True)]
    return tuple(found)


def _short(words: list[str]) -> str:
    """The command line without the path of its program and without what says nothing to a person.

    >>> _short(["/usr/bin/python3", "-m", "app.watcher.leash", "app.gateway", "--workspace", "/w"])
    'python3 -m app.gateway'
    """
    kept = [os.path.basename(words[0]), *words[1:]]
    if "app.watcher.leash" in kept:
        kept.remove("app.watcher.leash")
    if "--workspace" in kept:
        at = kept.index("--workspace")
        del kept[at : at + 2]
    return " ".join(kept)


def _children(pid: int) -> list[int]:
    try:
        found: list[int] = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as children:
                found += [int(child) for child in children.read().split()]
        return found
    except FileNotFoundError:
        if os.path.isdir("/proc/self/task"):
            return []
    except OSError:
        return []
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except (psutil.Error, OSError):
        return []


__all__ = ["Process", "tree_of"]
