"""GPUs by NVML: absent, partial or lying is a value, never a crash."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.domain.text import visible

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """One reading of one GPU; what the driver does not say, or says wrongly, is None."""

    index: int
    name: str
    percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    celsius: float | None = None
    pids: tuple[tuple[int, int], ...] = ()
    """Processes that compute on it, each with its bytes of GPU memory, where the driver says."""


_lock = threading.Lock()
_ready: bool | None = None


def read_gpus() -> tuple[Gpu, ...]:
    """All GPUs of this machine; none when there is no driver.

    >>> isinstance(read_gpus(), tuple)
    True
    """
    return _with_driver(
        lambda nvml: tuple(_read(nvml, index) for index in range(_between(nvml.nvmlDeviceGetCount(), 0, 64) or 0)), ()
    )


def driver_version() -> str | None:
    """The version of the NVIDIA driver, or None without one (or with one that does not say).

    >>> driver_version() is None or len(driver_version()) > 0
    True
    """
    told = _with_driver(lambda nvml: _ask(nvml, "nvmlSystemGetDriverVersion"), None)
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return visible(text, longest=60) if isinstance(text, str) and text.strip() else None


def gpu_joules() -> dict[str, tuple[float, float]]:
    """Joules of each GPU since its driver was loaded, with 0 for a counter that never wraps; those that tell only.

    >>> isinstance(gpu_joules(), dict)
    True
    """

    def read(nvml: Any) -> dict[str, tuple[float, float]]:
        found = {}
        for index in range(_between(nvml.nvmlDeviceGetCount(), 0, 64) or 0):
            handle = _ask(nvml, "nvmlDeviceGetHandleByIndex", index)
            used = _between(_ask(nvml, "nvmlDeviceGetTotalEnergyConsumption", handle), 0, 1 << 62) if handle else None
            if used is not None:
                found[f"gpu{index}"] = (used / 1000, 0.0)
        return found

    return _with_driver(read, {})


def _with_driver(read: Callable[[Any], T], otherwise: T) -> T:
    global _ready
    with _lock:
        if _ready is False:
            return otherwise
        try:
            import pynvml as nvml

            if _ready is None:
                nvml.nvmlInit()
                _ready = True
            return read(nvml)
        except Exception:  # NVML has dozens of errors, and a broken driver more; all of them mean: no reading
            _ready = bool(_ready)
            return otherwise


def _read(nvml: object, index: int) -> Gpu:
    handle = _ask(nvml, "nvmlDeviceGetHandleByIndex", index)
    if handle is None:
        return Gpu(index, "unknown")
    name = _ask(nvml, "nvmlDeviceGetName", handle)
    memory = _ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    use = _ask(nvml, "nvmlDeviceGetUtilizationRates", handle)
    total = _between(getattr(memory, "total", None), 1, 1 << 50)
    used = _between(getattr(memory, "used", None), 0, total or 1 << 50)
    percent = _between(getattr(use, "gpu", None), 0, 100)
    celsius = _between(_ask(nvml, "nvmlDeviceGetTemperature", handle, 0), 1, 150)
    shown = name.decode(errors="replace") if isinstance(name, bytes) else str(name or "GPU")
    return Gpu(index, visible(shown, longest=80), percent, used, total, celsius, _processes(nvml, handle, total))


def _processes(nvml: object, handle: object, total: int | None) -> tuple[tuple[int, int], ...]:
    running = _ask(nvml, "nvmlDeviceGetComputeRunningProcesses", handle)
    found = []
    for one in running if isinstance(running, list | tuple) else ():
        pid = _between(getattr(one, "pid", None), 1, 1 << 31)
        used = _between(getattr(one, "usedGpuMemory", None), 0, total or 1 << 50)
        if pid is not None and used is not None:
            found.append((pid, used))
    return tuple(found)


def _ask(nvml: object, function: str, *arguments: object) -> object | None:
    try:
        found: object = getattr(nvml, function)(*arguments)
        return found
    except Exception:  # one reading less
        return None


def _between(value: object, low: int, high: int) -> int | None:
    """A number within its bounds, or None: for a lie, for NaN, for text."""
    return int(value) if isinstance(value, int | float) and low <= value <= high else None
