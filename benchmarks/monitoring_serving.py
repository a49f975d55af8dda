"""Ten million predictions a day, 23 features each: written to Parquet as the gateway's log, read and watched whole."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import Result, at_most

ROOT = Path(__file__).resolve().parents[1]
ROWS = int(os.environ.get("BENCH_ROWS", "10000000"))
"""Predictions of the day; fewer for a quick look."""
DAY_S, GIB = 86_400, 2**30


def run() -> list[Result]:
    """One process that writes and then watches; the bar is one core's day and 4 GB."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks._log_child", folder, str(ROWS)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment).stdout
    found = json.loads(told.strip().splitlines()[-1])
    cpu = found["log_cpu_s"] + found["monitor_cpu_s"]
    return [
        Result("predictions", found["rows"], "rows"),
        Result("logged: CPU", found["log_cpu_s"], "s"),
        Result("logged: on disk", found["log_bytes"] / GIB, "GiB"),
        Result(f"watched ({found['signals']} signals): CPU", found["monitor_cpu_s"], "s"),
        Result("watched: by the clock", found["monitor_s"], "s"),
        at_most("a day's share of one core, both", 100 * cpu / DAY_S * (10_000_000 / ROWS), "%", 100),
        at_most("peak memory", found["peak_bytes"] / GIB, "GiB", 4),
        at_most("rows that are not told", abs(ROWS - found["rows"]), "rows", 0),
    ]
