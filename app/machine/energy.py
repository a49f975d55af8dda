"""Energy that the machine itself counts: RAPL for processors, NVML for GPUs; a machine that does not tell gives None.

It is the energy of the whole machine while a run ran, not the run's share of it.
"""

from dataclasses import dataclass, field
from pathlib import Path

from app.machine.gpu import gpu_joules

RAPL = Path("/sys/class/powercap")


@dataclass
class EnergyMeter:
    """Joules since the first reading; counters that wrap around are followed, those that jump back are left out.

    >>> EnergyMeter(Path("/nowhere")).joules() is None or True
    True
    """

    folder: Path = RAPL
    _last: dict[str, float] = field(default_factory=dict)
    _joules: float = 0.0

    def joules(self) -> float | None:
        """Joules since the first call (which gives 0); None when nothing on this machine tells."""
        readings = {**self._packages(), **gpu_joules()}
        for name, (now_j, wraps_j) in readings.items():
            before = self._last.get(name)
            if before is not None:
                used = now_j - before if now_j >= before else now_j - before + wraps_j
                self._joules += used if 0 <= used < 1e7 else 0.0
            self._last[name] = now_j
        return self._joules if readings else None

    def _packages(self) -> dict[str, tuple[float, float]]:
        """Joules and range of each processor package (`intel-rapl:0`, not its parts `intel-rapl:0:0`)."""
        found: dict[str, tuple[float, float]] = {}
        try:
            for zone in self.folder.glob("*-rapl:*"):
                if zone.name.count(":") == 1:
                    used, most = ((zone / name).read_text() for name in ("energy_uj", "max_energy_range_uj"))
                    found[zone.name] = (float(used) / 1e6, float(most) / 1e6)
        except (OSError, ValueError):
            return found
        return found
