"""Bare as-of engines on two Parquet files: polars, pandas and DuckDB; runs in the environment of its own.

Prints {engine: [best seconds, rows, values found]} as JSON. Each reads the files, sorts what its engine needs sorted,
joins the nine weather columns on (origin, known_at <= scheduled_at, at most six hours), and holds the whole result.
"""

import json
import sys
import time
from collections.abc import Callable

import duckdb
import pandas as pd
import polars as pl

TURNS = 5


def with_polars(spine: str, view: str) -> tuple[int, int]:
    """polars join_asof."""
    left, right = pl.read_parquet(spine).sort("scheduled_at"), pl.read_parquet(view).sort("known_at")
    found = left.join_asof(
        right, left_on="scheduled_at", right_on="known_at", by="origin", tolerance="6h", check_sortedness=False
    )
    return found.height, found["pressure"].len() - found["pressure"].null_count()


def with_pandas(spine: str, view: str) -> tuple[int, int]:
    """pandas merge_asof."""
    left, right = pd.read_parquet(spine).sort_values("scheduled_at"), pd.read_parquet(view).sort_values("known_at")
    found = pd.merge_asof(
        left, right, left_on="scheduled_at", right_on="known_at", by="origin", tolerance=pd.Timedelta(hours=6)
    )
    return len(found), int(found["pressure"].notna().sum())


def with_duckdb(spine: str, view: str) -> tuple[int, int]:
    """DuckDB's ASOF join, to Arrow."""
    sql = f"""SELECT s.*, CASE WHEN s.scheduled_at - v.known_at <= INTERVAL 6 HOUR THEN v.pressure END AS pressure,
        v.temp, v.dewp, v.humid, v.wind_dir, v.wind_speed, v.wind_gust, v.precip, v.visib
        FROM '{spine}' s ASOF LEFT JOIN '{view}' v ON s.origin = v.origin AND s.scheduled_at >= v.known_at"""
    table = duckdb.sql(sql).to_arrow_table()
    return table.num_rows, table.num_rows - table["pressure"].null_count


def main(spine: str, view: str) -> None:
    """Best of some turns of each engine."""
    found = {}
    engines: dict[str, Callable[[str, str], tuple[int, int]]] = {
        "polars": with_polars,
        "pandas": with_pandas,
        "duckdb": with_duckdb,
    }
    for name, engine in engines.items():
        seconds, rows, values = [], 0, 0
        for _ in range(TURNS):
            begun = time.perf_counter()
            rows, values = engine(spine, view)
            seconds.append(time.perf_counter() - begun)
        found[name] = [min(seconds), rows, values]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
