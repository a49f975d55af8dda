"""False alarms on real windows without drift, and drifts of three sizes that are found: ours, Evidently, NannyML.

Flights of January to March with the weather at their airport, 20 columns, shuffled: half of the rows are the reference,
windows of 200, 1,000 and 5,000 rows are drawn from the other half, so nothing has drifted. In as many windows again
one column is moved: a number by .1, .25 or .5 of its standard deviation, a word in 5, 15 or 30 % of the rows becomes
the most frequent one. A window has a false alarm when any column of it alarms; a planted drift is found when its
column alarms. Each peer has its defaults. Beside our default stands our false-alarm rate that finds as much as each.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import Result
from benchmarks.peers import FOLDER, python_of

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = ROOT / "sample_data" / "flights"
WINDOWS = int(os.environ.get("BENCH_WINDOWS", "30"))
"""Windows without drift of each length."""
SEED = int(os.environ.get("BENCH_SEED", "7"))
"""What is drawn: a rule is chosen on other seeds than it is judged on."""
LENGTHS, REFERENCE_ROWS = (200, 1_000, 5_000), 20_000
SHIFTS, SHARES = (0.1, 0.25, 0.5), (0.05, 0.15, 0.3)
RATES = ("0.0005", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.3", "0.35", "0.4", "0.45", "0.5")
NUMBERS = (
    "dep_time", "sched_dep_time", "arr_time", "air_time", "distance", "flight", "day", "temp", "dewp", "humid",
    "wind_dir", "wind_speed", "precip", "pressure", "visib",
)  # fmt: skip
WORDS = ("carrier", "origin", "dest", "month", "minute")
PLANTED = ("temp", "carrier", "distance", "origin", "sched_dep_time", "dest", "wind_speed", "humid")
Alarms = dict[str, list[str]]


def run() -> list[Result]:
    """The same files for every side."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "windows").mkdir()
        moved = _write(folder)
        _ours("profile", str(folder / "reference.parquet"), str(folder / "profile.json"))
        ours: dict[str, Alarms] = _told(_ours("alarms", *_places(folder), *RATES))
        peers: dict[str, Alarms] = {name: _told(_peer(name, folder)) for name in ("evidently", "nannyml")}
    results = []
    false, found = _judged(ours["0.01"], moved)
    results += [
        Result("windows without drift / with", len(ours["0.01"]) - len(moved), f"/ {len(moved)}"),
        Result("ours (1 % of windows): false alarms", 100 * false, "% of windows"),
        Result("ours (1 % of windows): drifts found", 100 * found, "%"),
    ]
    for name, alarms in peers.items():
        theirs, detected = _judged(alarms, moved)
        rate = next((rate for rate in RATES if _judged(ours[rate], moved)[1] >= detected), RATES[-1])
        mine, reached = _judged(ours[rate], moved)
        met = reached >= detected and mine <= theirs / 2
        results += [
            Result(f"{name}: false alarms", 100 * theirs, "% of windows"),
            Result(f"{name}: drifts found", 100 * detected, "%"),
            Result(f"ours at {name}'s detection (rate {rate}): drifts found", 100 * reached, "%"),
            Result(f"ours at {name}'s detection", 100 * mine, "% of windows", f"<= half of {100 * theirs:.3g}", met),
        ]
        for length in LENGTHS:
            theirs, detected = _judged(alarms, moved, length)
            mine, reached = _judged(ours["0.01"], moved, length)
            text = f"{length:,} rows, false alarms and found: ours {100 * mine:.0f} % and {100 * reached:.0f} %"
            results.append(Result(f"{text}, {name} {100 * theirs:.0f} % and {100 * detected:.0f} %", length, "rows"))
    return results


def _write(folder: Path) -> dict[str, str]:
    """Write reference and windows; gives the moved column of each window that has one."""
    random = np.random.default_rng(SEED)
    frame = _flights().sample(frac=1, random_state=SEED).reset_index(drop=True)
    frame[:REFERENCE_ROWS].to_parquet(folder / "reference.parquet", index=False)
    rest, deviations = frame[len(frame) // 2 :], frame.std(numeric_only=True)
    moved = {}
    for length in LENGTHS:
        for at in range(WINDOWS):
            window = rest.sample(length, random_state=int(random.integers(2**31)))
            window.to_parquet(folder / "windows" / f"{length}-still-{at}.parquet", index=False)
            size, column = at % len(SHIFTS), PLANTED[at % len(PLANTED)]
            window = rest.sample(length, random_state=int(random.integers(2**31))).reset_index(drop=True)
            if column in NUMBERS:
                window[column] += SHIFTS[size] * deviations[column]
            else:
                window.loc[random.random(length) < SHARES[size], column] = frame[column].mode()[0]
            name = f"{length}-moved-{at}"
            window.to_parquet(folder / "windows" / f"{name}.parquet", index=False)
            moved[name] = column
    return moved


def _flights() -> pd.DataFrame:
    def months(name: str) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(FLIGHTS / f"{name}-2013-{month:02}.parquet") for month in (1, 2, 3)])

    both = months("flights").merge(
        months("weather").drop(columns=["year", "month", "day", "hour"], errors="ignore"),
        on=["origin", "time_hour"],
        how="inner",
    )
    numbers = both[list(NUMBERS)].astype(float)
    words = both[list(WORDS)].astype(str)
    return pd.concat([numbers, words], axis=1).dropna()


def _judged(alarms: Alarms, moved: dict[str, str], length: int | None = None) -> tuple[float, float]:
    """The share of still windows with any alarm, and of moved windows whose column alarms."""
    chosen = {name: found for name, found in alarms.items() if length is None or name.startswith(f"{length}-")}
    still = [bool(found) for name, found in chosen.items() if name not in moved]
    hits = [moved[name] in found for name, found in chosen.items() if name in moved]
    return float(np.mean(still)), float(np.mean(hits))


def _places(folder: Path) -> tuple[str, str]:
    return str(folder / "profile.json"), str(folder / "windows")


def _ours(*words: str) -> str:
    command = [sys.executable, "-m", "benchmarks._drift_child", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment).stdout


def _peer(name: str, folder: Path) -> str:
    script = str(FOLDER / f"{name}_drift.py")
    command = [str(python_of(name)), script, "alarms", str(folder / "reference.parquet"), str(folder / "windows")]
    quiet = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet).stdout


def _told(printed: str) -> dict[str, Any]:
    return dict(json.loads(printed.strip().splitlines()[-1]))
