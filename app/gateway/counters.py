"""Named numbers in a mapped file: each process of the gateway writes its own, any of them adds all up.

They outlive the process: one that was killed and started again counts on from where it was.
"""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

SLOTS = 4096
NAMES = 512 * 1024
SIZE = NAMES + 8 * SLOTS
LENGTH = 8
"""The file begins with the length of the names in bytes; they stand in the order of slots, a line each."""


class Counters:
    """Numbers of one process; `values[counters.slot(name)] += 1` is all that counting costs.

    >>> counters = Counters()
    >>> counters.values[counters.slot("requests|a|200")] += 2
    >>> counters.read()
    {'requests|a|200': 2.0}
    """

    def __init__(self, file: Path | None = None) -> None:
        if file is None:
            self._map = mmap.mmap(-1, SIZE)
        else:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.ftruncate(handle, SIZE)
                self._map = mmap.mmap(handle, SIZE)
            finally:
                os.close(handle)
        self.values = memoryview(self._map)[NAMES:].cast("d")
        self._slots = {name: slot for slot, name in enumerate(_names(self._map))}

    def slot(self, name: str) -> int:
        """The place of a number, new when it was never asked for; the last place takes what has no room."""
        known = self._slots.get(name)
        if known is not None:
            return known
        entry, used = name.encode() + b"\n", int.from_bytes(self._map[:LENGTH], "little")
        at = len(self._slots)
        if at >= SLOTS - 1 or LENGTH + used + len(entry) > NAMES or b"\n" in entry[:-1]:
            return SLOTS - 1
        self._map[LENGTH + used : LENGTH + used + len(entry)] = entry
        self._map[:LENGTH] = (used + len(entry)).to_bytes(LENGTH, "little")  # a reader sees the name once it is whole
        self._slots[name] = at
        return at

    def read(self) -> dict[str, float]:
        """All numbers by name."""
        return {name: self.values[slot] for name, slot in self._slots.items()}


def added_up(own: Counters, files: Iterable[Path]) -> dict[str, float]:
    """The numbers of this process and of those whose files are given, added up by name."""
    total = own.read()
    for file in files:
        try:
            content = file.read_bytes()
        except OSError:
            continue
        if len(content) == SIZE:
            values = memoryview(content)[NAMES:].cast("d")
            for slot, name in enumerate(_names(content)):
                total[name] = total.get(name, 0.0) + values[slot]
    return total


def _names(content: mmap.mmap | bytes) -> list[str]:
    used = min(int.from_bytes(content[:LENGTH], "little"), NAMES - LENGTH)
    return content[LENGTH : LENGTH + used].decode(errors="replace").split("\n")[:-1]


__all__ = ["Counters", "added_up"]
