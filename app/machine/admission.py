"""Whether a run fits into this machine's memory now: it begins, waits, or is refused, always with the reason."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

SERVING_BYTES = 512 << 20
"""What stays free for answering while a model is served: serving comes before retraining."""
SPARE_BYTES = 256 << 20
VARIABLE = "TRAINMASTER_MEMORY_BYTES"


class Decision(StrEnum):
    """What becomes of a run that wants to begin."""

    ADMITTED = "admitted"
    QUEUED = "queued"
    REFUSED = "refused"


@dataclass(frozen=True)
class Memory:
    """Bytes that processes may use in all, and those that are free now."""

    total: int
    free: int


@dataclass(frozen=True)
class Neighbour:
    """A run that is under way: what it may still take beyond what it has."""

    key: str
    needs_bytes: int
    uses_bytes: int

    @property
    def still_bytes(self) -> int:
        """What it will take of what is free now."""
        return max(0, self.needs_bytes - self.uses_bytes)


@dataclass(frozen=True)
class Verdict:
    """The decision with its numbers and its reason."""

    decision: Decision
    needs_bytes: int
    free_bytes: int
    total_bytes: int
    says: str


def read_memory(limit: str | None = None) -> Memory:
    """This machine's memory, within the limit of its control group and of TRAINMASTER_MEMORY_BYTES (or `limit`).

    >>> read_memory("1000000000").total <= 1_000_000_000
    True
    """
    seen = psutil.virtual_memory()
    total, free = seen.total, seen.available
    own = limit if limit is not None else os.environ.get(VARIABLE, "")
    bounds = [(_number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current"))]
    if own.isdigit() and int(own) > 0:
        bounds.append((int(own), None))
    for most, used in bounds:
        if most is not None and most < total:
            total = most
            free = min(free, most - (used or 0))
    return Memory(total, max(0, free))


def decide(needs_bytes: int, memory: Memory, neighbours: Sequence[Neighbour], *, serving: bool) -> Verdict:
    """Whether a run that needs so much may begin; what serving and running runs will take is not free.

    >>> decide(8 << 30, Memory(4 << 30, 3 << 30), (), serving=False).decision
    <Decision.REFUSED: 'refused'>
    >>> other = Neighbour("7f3a", 3 << 30, 1 << 30)
    >>> decide(2 << 30, Memory(8 << 30, 3 << 30), [other], serving=True).says
    'needs 2.0 GB, 0.2 GB are free: run 7f3a will take 2.0 GB more, 0.8 GB stay for serving and the machine'
    """
    kept = SPARE_BYTES + (SERVING_BYTES if serving else 0)
    taken = sum(one.still_bytes for one in neighbours)
    free = max(0, memory.free - kept - taken)
    stays = f"{_gb(kept)} stay for {'serving and the machine' if serving else 'the machine'}"
    if needs_bytes > memory.total - kept:
        says = f"needs {_gb(needs_bytes)}, this machine has {_gb(memory.total)} and {stays}"
        return Verdict(Decision.REFUSED, needs_bytes, free, memory.total, says)
    if needs_bytes <= free:
        return Verdict(
            Decision.ADMITTED, needs_bytes, free, memory.total, f"needs {_gb(needs_bytes)}, {_gb(free)} are free"
        )
    others = ", ".join(f"run {one.key} will take {_gb(one.still_bytes)} more" for one in neighbours if one.still_bytes)
    why = f"{others}, {stays}" if others else stays
    return Verdict(
        Decision.QUEUED, needs_bytes, free, memory.total, f"needs {_gb(needs_bytes)}, {_gb(free)} are free: {why}"
    )


def _gb(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB"


def _number(file: str) -> int | None:
    try:
        text = Path(file).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
