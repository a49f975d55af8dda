"""The machine: processor, memory, GPUs, and the disk with a forecast of when it is full."""

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.project import Health
from app.domain.states import Severity
from app.machine.sampler import MachineSample
from app.services.monitoring.health.value import HealthValue, over

LOOKS = 8
MOST_DAYS = 3650.0
Point = tuple[datetime, float]


def machine_values(sample: MachineSample, used: Sequence[Point], limits: Health) -> list[HealthValue]:
    """Signals of one reading; `used` are bytes in use on the disk over the last days, oldest first."""
    found = [
        _percent("machine.cpu", "the processors are busy", sample.cpu_percent, limits.cpu_percent),
        _percent("machine.memory", "memory is in use", sample.memory_percent, limits.memory_percent),
    ]
    for gpu in sample.gpus:
        share = (
            100 * gpu.memory_used_bytes / gpu.memory_total_bytes
            if gpu.memory_used_bytes is not None and gpu.memory_total_bytes
            else None
        )
        found.append(
            _percent(f"machine.gpu{gpu.index}.memory", "of its memory is in use", share, limits.gpu_memory_percent)
        )
        found.append(
            HealthValue(f"machine.gpu{gpu.index}", "machine", gpu.percent, None, f"GPU {gpu.index} is at work", "%")
        )
    disk = sample.disk_percent
    found.append(
        HealthValue(
            "machine.disk",
            "machine",
            disk,
            limits.disk_percent,
            f"{disk or 0:.0f} % of the disk is in use",
            "%",
            over(disk, limits.disk_percent),
            Severity.CRITICAL,
            "trainmaster store gc",
        )
    )
    found.append(_forecast(sample, used, limits))
    return found


def _percent(name: str, says: str, value: float | None, limit: float) -> HealthValue:
    words = f"{value or 0:.0f} % of {says}" if not says.startswith("the") else f"{says}: {value or 0:.0f} %"
    return HealthValue(name, "machine", value, limit, words, "%", over(value, limit), looks=LOOKS)


def _forecast(sample: MachineSample, used: Sequence[Point], limits: Health) -> HealthValue:
    total, now = sample.disk_total_bytes, sample.disk_used_bytes
    days = days_until_full(used, total - now) if total is not None and now is not None else None
    says = "the disk does not fill" if days is None else f"the disk is full in {days:.1f} days at this pace"
    breached = days is not None and days <= limits.disk_full_days
    return HealthValue(
        "machine.disk_full_in",
        "machine",
        days,
        limits.disk_full_days,
        says,
        "d",
        breached,
        Severity.CRITICAL if breached and (days or 0) < 1 else Severity.WARNING,
        "trainmaster store gc",
        looks=2,
    )


def days_until_full(used: Sequence[Point], free_bytes: int) -> float | None:
    """Days until the disk is full at the pace of the last days, or None when it does not fill or too little is known.

    The pace is the median slope between points (Theil 1950, Sen 1968), so that one large file that came and went does
    not count; at least half an hour of points is needed.

    >>> from datetime import UTC
    >>> begin = datetime(2026, 1, 1, tzinfo=UTC)
    >>> used = [(begin + timedelta(hours=h), 1e9 * h) for h in range(10)]
    >>> round(days_until_full(used, 48_000_000_000), 2)
    2.0
    >>> days_until_full([], 10) is None
    True
    """
    kept = list(used)[:: max(1, len(used) // 120)]
    if len(kept) < 3 or kept[-1][0] - kept[0][0] < timedelta(minutes=30):
        return None
    half = len(kept) // 2
    slopes = [
        (late[1] - early[1]) / (late[0] - early[0]).total_seconds()
        for early in kept[:half]
        for late in kept[half:]
        if late[0] > early[0]
    ]
    pace = statistics.median(slopes) if slopes else 0.0
    if pace <= 0:
        return None
    days = free_bytes / pace / 86_400
    return days if days <= MOST_DAYS else None


__all__ = ["days_until_full", "machine_values"]
