"""What a run uses: the process with its children, cheaply, with energy where the machine tells."""

import os
import subprocess
import sys
import time
from pathlib import Path

from app.machine.energy import EnergyMeter
from app.machine.sampler import TreeSampler
from app.machine.threads import CpuClock, busy_elsewhere


def test_the_memory_of_children_counts_and_goes_when_they_end() -> None:
    sampler = TreeSampler(os.getpid())
    before = sampler.read()
    script = "x = bytearray(80_000_000); x[::4096] = b'1' * len(x[::4096]); print('', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()

        during = sampler.read()
    finally:
        child.communicate(b"\n", timeout=30)

    assert during.processes == before.processes + 1
    assert during.rss_bytes - before.rss_bytes > 70_000_000
    assert sampler.read().processes == before.processes


def test_a_reading_every_two_seconds_takes_less_than_half_a_percent_of_a_core() -> None:
    sampler = TreeSampler(os.getpid())
    sampler.read()
    begun = time.process_time()

    for _ in range(50):
        sampler.read()

    assert (time.process_time() - begun) / 50 < 0.005 * 2.0


def test_energy_follows_a_counter_that_wraps_around_and_is_none_where_nobody_tells(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "max_energy_range_uj").write_text("10000000\n")
    meter = EnergyMeter(tmp_path)

    readings = []
    for microjoules in (9_000_000, 9_500_000, 1_500_000):
        (zone / "energy_uj").write_text(f"{microjoules}\n")
        readings.append(meter.joules())

    assert readings == [0.0, 0.5, 2.5]
    assert EnergyMeter(tmp_path / "absent").joules() is None


def test_what_this_process_does_itself_is_not_somebody_elses_work() -> None:
    before = CpuClock(0.0, 100.0, 10.0)

    assert busy_elsewhere(before, CpuClock(1.0, 101.0, 11.0)) == 0.0
    assert busy_elsewhere(before, CpuClock(0.01, 500.0, 10.0)) == 0.0
