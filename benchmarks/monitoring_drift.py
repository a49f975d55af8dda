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

from app.domain.processes import prepare
from benchmarks import Result, at_most
from benchmarks.peers import FOLDER, python_of

ROOT = Path(__file__).resolve().parents[1]
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
"""Rows of the window and of the reference; fewer for a quick look."""
PEER_S = float(os.environ.get("BENCH_PEER_S", "480"))
"""So long a peer may take; Evidently took 385 s on two cores with nothing beside it."""
NUMBERS, CATEGORIES = 40, 10


def run() -> list[Result]:
    """Ours, each peer, ours again."""
    peers: dict[str, dict[str, float] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        reference, window, small = (f"{folder}/{name}.parquet" for name in ("reference", "window", "small"))
        _rows(7, ROWS).to_parquet(reference, index=False)
        _rows(8, ROWS).to_parquet(window, index=False)
        _rows(7, ROWS // 10).to_parquet(small, index=False)
        for name, source in (("whole", reference), ("tenth", small)):
            _ours("profile", source, f"{folder}/{name}.json")
        before = _told("ours", _ours("speed", f"{folder}/whole.json", window))
        peers["evidently"] = _peer("evidently", reference, window)
        between = _told("ours, a tenth of the reference", _ours("speed", f"{folder}/tenth.json", window))
        peers["nannyml"] = _peer("nannyml", reference, window)
        after = _told("ours, again", _ours("speed", f"{folder}/whole.json", window))
        size = os.path.getsize(f"{folder}/whole.json")
    ours, floor = max(before["seconds"], after["seconds"]), min(before["floor_seconds"], after["floor_seconds"])
    peak = max(before["peak_bytes"], after["peak_bytes"])
    return [
        Result("rows of the window and of the reference", ROWS, "rows"),
        Result("ours: eight statistics and limits (the slower of two)", ours, "s"),
        Result("ours: peak memory", peak / 1e6, "MB"),
        Result("ours: the stored profile", size / 1e6, "MB"),
        at_most("ours / one sort or count a column", ours / floor, "x", 2),
        at_most("a reference of ten times the rows / one of a tenth", ours / between["seconds"], "x", 1.25),
        *_against("evidently", "data drift preset", peers["evidently"], ours, 20),
        *_memory("evidently", peers["evidently"], peak),
        *_against("nannyml", "fit and check", peers["nannyml"], ours, 10),
        *_memory("nannyml", peers["nannyml"], peak),
    ]


def _against(name: str, what: str, peer: dict[str, float] | None, ours: float, limit: float) -> list[Result]:
    """A peer's seconds and the ratio; one that was stopped took at least as long as it was given."""
    ratio = (peer["seconds"] if peer else PEER_S) / ours
    seconds = Result(f"{name}: {what}{'' if peer else ', stopped after'}", peer["seconds"] if peer else PEER_S, "s")
    met = ratio >= limit if peer or ratio >= limit else None
    found = [seconds, Result(f"{name} / ours{'' if peer else ', at least'}", ratio, "x", f">= {limit:g}", met)]
    if peer and "check_seconds" in peer:
        found.append(Result(f"{name}: the check alone", peer["check_seconds"], "s"))
    return found


def _memory(name: str, peer: dict[str, float] | None, peak: float) -> list[Result]:
    if peer is None:
        return []
    return [
        Result(f"{name}: peak memory", peer["peak_bytes"] / 1e6, "MB"),
        at_most(f"our peak memory / {name}'s", peak / peer["peak_bytes"], "x", 0.2),
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
    prepare(environment)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment).stdout


def _peer(name: str, reference: str, window: str) -> dict[str, float] | None:
    """What a peer measured; None when it was stopped."""
    command = [str(python_of(name)), str(FOLDER / f"{name}_drift.py"), "speed", reference, window]
    quiet = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet, timeout=PEER_S)
    except subprocess.TimeoutExpired:
        print(f"  {name}: stopped after {PEER_S:g} s", file=sys.stderr, flush=True)
        return None
    return _told(name, done.stdout)


def _told(who: str, printed: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
    print(f"  {who}: {found['seconds']:,.2f} s, {found['peak_bytes'] / 1e6:,.0f} MB", file=sys.stderr, flush=True)
    return found
