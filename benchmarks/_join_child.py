"""Our side of `features_join`, in a process of its own so that its peak memory is its own."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.features import join, offline
from app.features.views import ViewColumn

TURNS = 5
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


class Files:
    """The view as the bare engines find it: a Parquet file."""

    def __init__(self, file: str) -> None:
        self.file = file

    def read(self, _table: join.Pinned, columns: Sequence[str]) -> pa.Table:
        """All its rows."""
        return pq.ParquetFile(self.file).read(columns=list(columns))


def flights(spine: str, view: str) -> dict[str, float]:
    """The join of the two Parquet files that the bare engines do, as a training frame is made; best of some turns."""
    columns = tuple(ViewColumn(name, "number") for name in WEATHER)
    hours = pd.Timedelta(hours=6)
    weather = join.Pinned("weather", Path(), 0, columns, ("origin",), "known_at", None, hours)
    labels = join.Labels(("flight",), "scheduled_at", None, "")
    seconds, rows, values = [], 0, 0
    for _ in range(TURNS):
        begun = time.perf_counter()
        stored = pq.ParquetFile(spine).read()
        whole = join.Spine(stored.to_pandas(), np.arange(stored.num_rows), stored)
        found, _ = join.with_features(whole, [weather], labels, Files(view))
        seconds.append(time.perf_counter() - begun)
        rows, values = len(found), int(found["pressure"].notna().sum())
    return {"seconds": min(seconds), "rows": rows, "values": values}


def many(folder: str, rows: int) -> dict[str, float]:
    """Ten views at once beside a spine of so many rows: half newest rows, half windows."""
    random = np.random.default_rng(7)
    place = Path(folder)
    start = np.datetime64("2013-01-01", "us")

    def times(size: int) -> pd.Series:
        moments = start + random.integers(0, 365 * 86_400, size).astype("timedelta64[s]")
        return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC").as_unit("us"))

    keys = pd.Series([f"k{number:05}" for number in range(20_000)], dtype="str")
    spine = pd.DataFrame(
        {"k": keys.take(random.integers(0, len(keys), rows)).array, "t": times(rows), "y": random.integers(0, 2, rows)}
    ).sort_values("t", ignore_index=True)
    facts = pd.DataFrame(
        {
            "k": keys.take(random.integers(0, len(keys), 500_000)).array,
            "at": times(500_000),
            "x": random.normal(size=500_000),
        }
    )
    tables = []
    for number in range(10):
        version = offline.publish(place / f"v{number}", facts, digest="x")
        tables.append(_pinned(place, number, version))
    labels = join.Labels(("k",), "t", None, "y")
    begun = time.perf_counter()
    frame, columns = join.with_features(join.Spine(spine, np.arange(rows), pa.table({"k": spine["k"]})), tables, labels)
    return {"seconds": time.perf_counter() - begun, "rows": len(frame), "values": len(columns)}


def _pinned(place: Path, number: int, version: int) -> join.Pinned:
    from app.features.history import Aggregate

    day = pd.Timedelta(hours=24 * (number + 1))
    windows = (Aggregate(f"mean{number}", "mean", "x", day),) if number % 2 else ()
    columns = (ViewColumn(f"mean{number}", "number"),) if windows else (ViewColumn("x", "number"),)
    return join.Pinned(f"v{number}", place / f"v{number}", version, columns, ("k",), "at", None, day, windows)


if __name__ == "__main__":
    told = flights(*sys.argv[2:4]) if sys.argv[1] == "flights" else many(sys.argv[2], int(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**told, "peak_bytes": peak}))
