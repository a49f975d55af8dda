"""The profile of a year of flights (336,776 x 19) beside one full DuckDB SUMMARIZE of the same table in memory."""

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.data.profile import Target, profile
from app.domain.problem import Task
from benchmarks import Result, at_most

FLIGHTS = Path(__file__).parents[1] / "sample_data" / "flights"
LATE_MINUTES, REPEATS, MOST = 30, 5, 2


def run() -> list[Result]:
    """Ours does all that SUMMARIZE does and more: exact distinct counts, histograms, top values, target, leakage hints.

    Both begin with the whole table in memory, in their own format; the peer stores it in a table of its own first.
    """
    table = pa.concat_tables([pq.read_table(file) for file in sorted(FLIGHTS.glob("flights-2013-*.parquet"))])
    table = table.combine_chunks()
    whole = table.to_pandas()
    late: pd.Series = (whole["arr_delay"] >= LATE_MINUTES).astype("int8")
    target = Target("late", Task.BINARY, late, "arr_delay >= 30")
    accepted = np.ones(len(whole), dtype=bool)
    peer = duckdb.connect()
    peer.register("arriving", table)
    peer.execute("CREATE TABLE flights AS SELECT * FROM arriving")

    def ours() -> None:
        profile(table, target=target, whole=whole, accepted=accepted)

    def theirs() -> None:
        peer.execute("SUMMARIZE flights").fetchall()

    ours()
    theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(REPEATS)]  # what disturbs one disturbs the other
    ours_s, theirs_s = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    return [
        Result(f"DuckDB {duckdb.__version__} SUMMARIZE", theirs_s, "s"),
        Result(f"profile of {table.num_rows:,} x {table.num_columns}", ours_s, "s"),
        at_most("profile / SUMMARIZE", ours_s / theirs_s, "x", MOST),
    ]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
