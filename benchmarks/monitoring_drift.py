"""All univariate statistics of 1,000,000 rows x 50 columns against a stored profile: ours, Evidently and NannyML.

Every side reads the same two Parquet files in a process of its own; reading is not timed. We are measured before and
after the peers, and the slower of the two counts. Evidently and NannyML need the reference's rows, we its profile.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import Result, at_most
from benchmarks.peers import FOLDER, python_of

ROOT = Path(__file__).resolve().parents[1]
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
"""Rows of the window and of the reference; fewer for a quick look."""
NUMBERS, CATEGORIES = 40, 10


def run() -> list[Result]:
    """Ours, each peer, ours again."""
    with tempfile.TemporaryDirectory() as folder:
        reference, window, small = (f"{folder}/{name}.parquet" for name in ("reference", "window", "small"))
        _rows(7, ROWS).to_parquet(reference, index=False)
        _rows(8, ROWS).to_parquet(window, index=False)
        _rows(7, ROWS // 10).to_parquet(small, index=False)
        for name, source in (("whole", reference), ("tenth", small)):
            _ours("profile", source, f"{folder}/{name}.json")
        before = _told(_ours("speed", f"{folder}/whole.json", window))
        evidently = _told(_peer("evidently", reference, window))
        between = _told(_ours("speed", f"{folder}/tenth.json", window))
        nannyml = _told(_peer("nannyml", reference, window))
        after = _told(_ours("speed", f"{folder}/whole.json", window))
        size = os.path.getsize(f"{folder}/whole.json")
    ours, floor = max(before["seconds"], after["seconds"]), min(before["floor_seconds"], after["floor_seconds"])
    peak = max(before["peak_bytes"], after["peak_bytes"])
    return [
        Result("evidently: data drift preset", evidently["seconds"], "s"),
        Result("evidently: peak memory", evidently["peak_bytes"] / 1e6, "MB"),
        Result("nannyml: fit and check", nannyml["seconds"], "s"),
        Result("nannyml: the check alone", nannyml["check_seconds"], "s"),
        Result("nannyml: peak memory", nannyml["peak_bytes"] / 1e6, "MB"),
        Result("ours: eight statistics and limits (the slower of two)", ours, "s"),
        Result("ours: peak memory", peak / 1e6, "MB"),
        Result("ours: the stored profile", size / 1e6, "MB"),
        _at_least("evidently / ours", evidently["seconds"] / ours, 20),
        _at_least("nannyml / ours", nannyml["seconds"] / ours, 10),
        at_most("our peak memory / evidently's", peak / evidently["peak_bytes"], "x", 0.2),
        at_most("ours / one sort or count a column", ours / floor, "x", 2),
        at_most("a reference of ten times the rows / one of a tenth", ours / between["seconds"], "x", 1.25),
    ]


def _rows(seed: int, rows: int) -> pd.DataFrame:
    """Numbers of four kinds (normal, skewed, whole, with gaps) and words of 3 to 200 values."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for at in range(NUMBERS):
        values = random.normal(size=rows) if at % 4 != 1 else random.exponential(size=rows)
        if at % 4 == 2:
            values = np.round(values * 20)
        if at % 4 == 3:
            values[random.random(rows) < 0.05] = np.nan
        columns[f"n{at}"] = values
    for at in range(CATEGORIES):
        words = np.array([f"word {value}" for value in range((3, 16, 50, 200)[at % 4])])
        columns[f"c{at}"] = words[random.integers(0, len(words), rows)]
    return pd.DataFrame(columns)


def _ours(*words: str) -> str:
    command = [sys.executable, "-m", "benchmarks._drift_child", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment).stdout


def _peer(name: str, reference: str, window: str) -> str:
    command = [str(python_of(name)), str(FOLDER / f"{name}_drift.py"), "speed", reference, window]
    quiet = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet).stdout


def _told(printed: str) -> dict[str, float]:
    return dict(json.loads(printed.strip().splitlines()[-1]))


def _at_least(name: str, value: float, limit: float) -> Result:
    return Result(name, value, "x", f">= {limit:g}", value >= limit)
