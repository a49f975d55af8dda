"""GPUs by NVML: absent, partial or lying is a value, never a crash."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One reading of one GPU; what the driver does not say, or says wrongly, is None."""

    index: int
    name: str
    percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    celsius: float | None = None


_lock = threading.Lock()
_ready: bool | None = None


def read_gpus() -> tuple[Gpu, ...]:
    """All GPUs of this machine; none when there is no driver.

    >>> isinstance(read_gpus(), tuple)
    True
    """
    global _ready
    with _lock:
        if _ready is False:
            return ()
        try:
            import pynvml as nvml

            if _ready is None:
                nvml.nvmlInit()
                _ready = True
            return tuple(_read(nvml, index) for index in range(_between(nvml.nvmlDeviceGetCount(), 0, 64) or 0))
        except Exception:  # NVML has dozens of errors, and a broken driver more; all of them mean: no reading
            _ready = bool(_ready)
            return ()


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
    return Gpu(index, shown, percent, used, total, celsius)


def _ask(nvml: object, function: str, *arguments: object) -> object | None:
    try:
        found: object = getattr(nvml, function)(*arguments)
        return found
    except Exception:  # one reading less
        return None


def _between(value: object, low: int, high: int) -> int | None:
    return int(value) if isinstance(value, int | float) and low <= value <= high else None
