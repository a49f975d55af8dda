"""The online store with a year of flights: reads of 1 and of 100 keys, and the publish, beside Feast and bare sqlite3.

All three hold the same 336,776 rows x 8 columns, from the same Parquet file, under the same keys, in SQLite. A read is
told by the median of its repeats, on every side.
"""

import json
import os
import random
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pandas as pd
import pyarrow.parquet as pq

from app.domain.problem import Task
from app.features.newest import newest_rows
from app.features.online import OnlineView, RowSet, micros
from app.features.online_sqlite import SqliteOnline
from app.learning.signature import Feature, Signature
from app.services.features import OnlineReader
from benchmarks import Result, at_most
from benchmarks.peers import FOLDER, python_of

FLIGHTS = Path(__file__).parents[1] / "sample_data" / "flights"
ROWS = int(os.environ.get("BENCH_ROWS", "0"))
"""Fewer rows for a quick look; 0 is the whole year."""
REPEATS = 2000
NUMBERS = ("distance", "hour", "minute", "sched_dep_time", "sched_arr_time")
TEXTS = ("carrier", "dest", "origin")
NOW = datetime(2014, 1, 2, tzinfo=UTC)


def run() -> list[Result]:
    """Write, then read, each with the same keys in the same order."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        file, keys = _data(place)
        feast = _feast(place, file, keys)
        ours_s, online = _ours(place, file)
        bare_s, bare = _bare(place, file)
        results = [
            Result(f"feast: materialize {len(pq.read_table(file)):,} rows", feast["write_s"], "s"),
            Result("bare sqlite3: insert as many", bare_s, "s"),
            Result("ours: newest rows and publish", ours_s, "s"),
            _at_least("write: feast / ours", feast["write_s"] / ours_s, 5),
        ]
        reader = OnlineReader(online)
        features = [Feature(name, "number", "schedule") for name in NUMBERS]
        features += [Feature(name, "category", "schedule") for name in TEXTS]
        signature = Signature(Task.BINARY, "late", tuple(features))
        moment = micros(NOW)
        _require_same(online, bare, keys)
        for count, theirs in ((1, feast["one_s"]), (100, feast["many_s"])):
            asked = [[keys[at % len(keys)]] if count == 1 else keys[:count] for at in range(REPEATS // count + 200)]
            entities = [[{"flight_id": key} for key in each] for each in asked]
            read_s = _usual(lambda each: online.read("bench", "schedule", each, moment), asked)
            bare_read_s = _usual(bare, asked)
            rows_s = _usual(lambda each: reader.features_for("bench", each, signature, at=NOW), entities)
            results += [
                Result(f"feast: get_online_features, {count} key(s), p50", theirs * 1e6, "us"),
                Result(f"bare sqlite3: {count} key(s), p50", bare_read_s * 1e6, "us"),
                Result(f"ours: read, {count} key(s), p50", read_s * 1e6, "us"),
                Result(f"ours: a model's rows by entity, {count} key(s), p50", rows_s * 1e6, "us"),
                _at_least(f"read of {count} key(s): feast / a model's rows", theirs / rows_s, 10),
                at_most(f"read of {count} key(s): ours / bare", read_s / bare_read_s, "x", 3),
            ]
            if count == 1:
                results.append(at_most("a model's row by entity adds, p50", rows_s * 1e3, "ms", 0.3))
        reader.close()
        return results


def _at_least(name: str, value: float, limit: float) -> Result:
    return Result(name, value, "x", f">= {limit:g}", value >= limit)


def _data(place: Path) -> tuple[Path, list[str]]:
    frame = pd.concat([pd.read_parquet(file) for file in sorted(FLIGHTS.glob("flights-*.parquet"))], ignore_index=True)
    frame = frame.head(ROWS) if ROWS else frame
    at = pd.to_datetime(frame["time_hour"], utc=True).astype("datetime64[us, UTC]")
    kept = pd.DataFrame({"flight_id": [f"flight-{number:07}" for number in range(len(frame))], "at": at})
    for name in NUMBERS:
        kept[name] = frame[name].astype("float64")
    for name in TEXTS:
        kept[name] = frame[name].astype("str")
    file = place / "schedule.parquet"
    kept.to_parquet(file, index=False)
    return file, random.Random(7).sample(list(kept["flight_id"]), 500)


def _feast(place: Path, file: Path, keys: list[str]) -> dict[str, float]:
    (place / "keys.json").write_text(json.dumps(keys))
    (place / "feast").mkdir()
    command = [str(python_of("feast")), str(FOLDER / "feast_online.py"), str(file), str(place / "keys.json")]
    told = subprocess.run(
        [*command, str(place / "feast"), str(REPEATS // 4)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(told.stdout.strip().splitlines()[-1])
    return found


def _ours(place: Path, file: Path) -> tuple[float, SqliteOnline]:
    online = SqliteOnline(place / "ours.db")
    begun = time.perf_counter()
    found = newest_rows(
        pq.read_table(file),
        entity=["flight_id"],
        columns=[*NUMBERS, *TEXTS],
        kinds=[*["number"] * len(NUMBERS), *["category"] * len(TEXTS)],
        known_until_us=micros(NOW),
        event_time="at",
    )
    kinds = (*("number",) * len(NUMBERS), *("category",) * len(TEXTS))
    view = OnlineView(
        "bench", "schedule", False, ("flight_id",), found.key_kinds, (*NUMBERS, *TEXTS), kinds, "at", None,
        10**16, 1, "", found.count, found.waiting, NOW.isoformat(),
    )  # fmt: skip
    online.publish("bench", [RowSet(view, found.rows)], now=NOW)
    return time.perf_counter() - begun, online


def _bare(place: Path, file: Path) -> tuple[float, Callable[[Sequence[str]], object]]:
    """One connection, one table, one SELECT: what SQLite alone needs."""
    connection = sqlite3.connect(place / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    names = [*NUMBERS, *TEXTS]
    begun = time.perf_counter()
    columns = pq.read_table(file, columns=["flight_id", "at", *names]).cast(_plain(file)).to_pydict()
    connection.execute("BEGIN")
    connection.execute(f"CREATE TABLE t (flight_id TEXT PRIMARY KEY, at, {', '.join(names)}) WITHOUT ROWID")
    marks = ", ".join("?" * (2 + len(names)))
    connection.executemany(f"INSERT INTO t VALUES ({marks})", zip(*columns.values(), strict=True))
    connection.execute("COMMIT")
    write_s = time.perf_counter() - begun
    one = "SELECT * FROM t WHERE flight_id = ?"
    many = {count: f"SELECT * FROM t WHERE flight_id IN ({', '.join('?' * count)})" for count in (100,)}

    def read(keys: Sequence[str]) -> object:
        if len(keys) == 1:
            return connection.execute(one, keys).fetchone()
        return connection.execute(many[len(keys)], keys).fetchall()

    return write_s, read


def _plain(file: Path) -> "object":
    import pyarrow as pa

    schema = pq.read_schema(file).remove_metadata()
    names = ["flight_id", "at", *NUMBERS, *TEXTS]
    return pa.schema([pa.field(n, pa.int64() if n == "at" else schema.field(n).type) for n in names])


def _require_same(online: SqliteOnline, bare: Callable[[Sequence[str]], object], keys: list[str]) -> None:
    for key in keys[:50]:
        row = online.read("bench", "schedule", [key], micros(NOW))[1][0]
        stored = bare([key])
        assert row is not None
        assert isinstance(stored, tuple)
        assert row.values == stored[2:], (row, stored)


def _usual(work: Callable[[list[object]], object], asked: list[list[object]]) -> float:
    seconds = []
    for each in asked:
        begun = time.perf_counter()
        work(each)
        seconds.append(time.perf_counter() - begun)
    return median(seconds)
