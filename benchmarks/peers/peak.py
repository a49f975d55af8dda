"""The most memory that this process has held; on Linux without what its parent held when it started it."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Peak resident bytes: VmHWM, for ru_maxrss begins with that of the process that forked this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
