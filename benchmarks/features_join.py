"""The point-in-time join: flights against hourly weather beside polars, pandas, DuckDB and Feast; ten views at once.

All read the same two Parquet files, whose `origin` is a dictionary for every side that knows such a type, and hold the
whole result: nine columns of weather, known by then, at most 6 h old.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks import Result, at_most
from benchmarks.peers import FOLDER, python_of

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = ROOT / "sample_data" / "flights"
ROWS = int(os.environ.get("BENCH_ROWS", "10000000"))
"""Rows of the spine of the ten views; fewer for a quick look."""


def run() -> list[Result]:
    """Every side in a process of its own, on files that were written once."""
    with tempfile.TemporaryDirectory() as folder:
        spine, view, rows = _files(Path(folder))
        engines = json.loads(_told([str(python_of("asof")), str(FOLDER / "asof_join.py"), spine, view]))
        (Path(folder) / "feast").mkdir()
        feast = json.loads(
            _told([str(python_of("feast")), str(FOLDER / "feast_history.py"), spine, view, f"{folder}/feast"])
        )
        ours = json.loads(_told([sys.executable, "-m", "benchmarks._join_child", "flights", spine, view]))
        (Path(folder) / "many").mkdir()
        many = json.loads(_told([sys.executable, "-m", "benchmarks._join_child", "many", f"{folder}/many", str(ROWS)]))
    fastest = min(engines, key=lambda name: engines[name][0])
    results = [Result(f"{name}: flights beside weather", found[0], "s") for name, found in engines.items()]
    results += [
        Result("feast: get_historical_features (DuckDB store)", feast["seconds"], "s"),
        Result("feast: peak memory", feast["peak_bytes"] / 1e6, "MB"),
        Result("ours: flights beside weather", ours["seconds"], "s"),
        Result("ours: peak memory", ours["peak_bytes"] / 1e6, "MB"),
        at_most(f"ours / the fastest engine ({fastest})", ours["seconds"] / engines[fastest][0], "x", 2),
        _at_least("feast / ours", feast["seconds"] / ours["seconds"], 10),
        at_most("our peak memory / feast's", ours["peak_bytes"] / feast["peak_bytes"], "x", 0.5),
        at_most("rows lost or doubled by us", abs(rows - ours["rows"]), "rows", 0),
        at_most("values that polars has and we have not", abs(engines["polars"][2] - ours["values"]), "values", 0),
        Result(f"ten views beside {ROWS:,} rows", many["seconds"], "s"),
        at_most("ten views: peak memory", many["peak_bytes"] / 2**30, "GiB", 8),
        at_most("ten views: rows lost or doubled", abs(ROWS - many["rows"]), "rows", 0),
    ]
    return results


def _files(folder: Path) -> tuple[str, str, int]:
    flights = pd.concat(
        [pd.read_parquet(file) for file in sorted(FLIGHTS.glob("flights-*.parquet"))], ignore_index=True
    )
    weather = pd.concat(
        [pd.read_parquet(file) for file in sorted(FLIGHTS.glob("weather-*.parquet"))], ignore_index=True
    )
    at = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    spine = pd.DataFrame({"origin": flights["origin"], "flight": range(len(flights)), "scheduled_at": at})
    names = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    known = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    view = pd.DataFrame(
        {"origin": weather["origin"], "known_at": known, **{n: weather[n].astype(float) for n in names}}
    )
    view = view.drop_duplicates(["origin", "known_at"], keep="last")
    airports = pd.CategoricalDtype(sorted({*spine["origin"], *view["origin"]}))
    for frame, time in ((spine, "scheduled_at"), (view, "known_at")):
        frame[time] = frame[time].astype("datetime64[us, UTC]")
        frame["origin"] = frame["origin"].astype(airports)
    spine.to_parquet(folder / "spine.parquet", index=False)
    view.to_parquet(folder / "weather.parquet", index=False)
    return str(folder / "spine.parquet"), str(folder / "weather.parquet"), len(spine)


def _told(command: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} if command[0] == sys.executable else dict(os.environ)
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment)
    return told.stdout.strip().splitlines()[-1]


def _at_least(name: str, value: float, limit: float) -> Result:
    return Result(name, value, "x", f">= {limit:g}", value >= limit)


if __name__ == "__main__":
    for result in run():
        print(result)
