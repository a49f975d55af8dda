"""Tracking beside raw sqlite3: 1,000 runs x 20 parameters x 20 metrics, 100,000 points, reads of 10,000 runs."""

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.domain.states import RunState
from app.store.bulk import FinishedRun, import_points, import_runs
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.queries.overview import overview
from app.store.queries.runs import page_of_runs, run_filter, top_runs_by_metric
from app.store.tables import Project
from benchmarks import Result, at_most

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RUNS, KEYS, POINTS, MANY = 1_000, 20, 100_000, 10_000
REPEATS = 5
RAW_SCHEMA = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;
CREATE TABLE run (id INTEGER PRIMARY KEY, key TEXT UNIQUE, flow TEXT, state TEXT, started_at TEXT, duration_s REAL);
CREATE TABLE parameter (run_id INTEGER REFERENCES run, key TEXT, value TEXT, PRIMARY KEY (run_id, key)) WITHOUT ROWID;
CREATE TABLE metric (run_id INTEGER REFERENCES run, key TEXT, value REAL, PRIMARY KEY (run_id, key)) WITHOUT ROWID;
CREATE INDEX metric_by_value ON metric (key, value, run_id);
CREATE TABLE point (run_id INTEGER REFERENCES run, key TEXT, step INTEGER, value REAL,
  PRIMARY KEY (run_id, key, step)) WITHOUT ROWID;
"""


def made_runs(count: int, keys: int) -> list[FinishedRun]:
    """Runs with numbers from a seeded generator."""
    chance = random.Random(7)
    return [
        FinishedRun(
            flow="train",
            requested_at=BEGIN + timedelta(seconds=number),
            started_at=BEGIN + timedelta(seconds=number + 1),
            finished_at=BEGIN + timedelta(seconds=number + 9),
            duration_s=8.0,
            state=RunState.FAILED if number % 7 == 0 else RunState.COMPLETED,
            parameters={f"parameter_{key}": chance.random() for key in range(keys)},
            metrics={f"metric_{key}": chance.random() for key in range(keys)},
        )
        for number in range(count)
    ]


def run() -> list[Result]:
    """Every figure, peers first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs, points = made_runs(RUNS, KEYS), [(step, step / POINTS) for step in range(POINTS)]
        raw_s, ours_s = _both(folder, "runs", lambda c: _raw_runs(c, runs), lambda s, p: _our_runs(s, p, runs))
        raw_points_s, our_points_s = _both(
            folder, "points", lambda c: _raw_points(c, points), lambda s, p: _our_points(s, p, points)
        )
        reads = _reads(folder)
    return [
        Result("1,000 runs x 20 x 20, raw sqlite3", raw_s, "s"),
        Result("1,000 runs x 20 x 20, our ledger", ours_s, "s"),
        at_most("  ratio", ours_s / raw_s, "x", 4),
        Result("100,000 points, raw sqlite3", raw_points_s, "s"),
        Result("100,000 points, our ledger", our_points_s, "s"),
        at_most("  ratio", our_points_s / raw_points_s, "x", 4),
        *reads,
    ]


def _both(
    folder: Path,
    name: str,
    raw: Callable[[sqlite3.Connection], None],
    ours: Callable[[Store, int], None],
) -> tuple[float, float]:
    """The fastest of some repeats of each, taken in turns."""
    raw_s, ours_s = [], []
    for repeat in range(REPEATS):
        connection = sqlite3.connect(folder / f"raw-{name}-{repeat}.db", isolation_level=None)
        connection.executescript(RAW_SCHEMA)
        raw_s.append(_seconds(lambda c=connection: raw(c)))  # type: ignore[misc]
        connection.close()
        store, project_id = _store(folder / f"ours-{name}-{repeat}.db")
        ours_s.append(_seconds(lambda s=store, p=project_id: ours(s, p)))  # type: ignore[misc]
        store.close()
    return min(raw_s), min(ours_s)


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _store(file: Path) -> tuple[Store, int]:
    store = Store.of_file(file)
    migrate(store)
    with store.write() as session:
        project = Project(name="demo", created_at=BEGIN)
        session.add(project)
        session.flush()
        assert project.id is not None
        return store, project.id


def _raw_runs(connection: sqlite3.Connection, runs: list[FinishedRun]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)",
        [(at, f"{at:012x}", r.flow, "completed", str(r.started_at), r.duration_s) for at, r in enumerate(runs)],
    )
    connection.executemany(
        "INSERT INTO parameter VALUES (?, ?, ?)",
        [(at, key, str(value)) for at, r in enumerate(runs) for key, value in r.parameters.items()],
    )
    connection.executemany(
        "INSERT INTO metric VALUES (?, ?, ?)",
        [(at, key, value) for at, r in enumerate(runs) for key, value in r.metrics.items()],
    )
    connection.execute("COMMIT")


def _our_runs(store: Store, project_id: int, runs: list[FinishedRun]) -> None:
    with store.write() as session:
        import_runs(session, runs, project_id=project_id)


def _raw_points(connection: sqlite3.Connection, points: list[tuple[int, float]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO run (id, key) VALUES (1, 'a')")
    connection.executemany("INSERT INTO point VALUES (1, 'auc', ?, ?)", points)
    connection.execute("COMMIT")


def _our_points(store: Store, project_id: int, points: list[tuple[int, float]]) -> None:
    with store.write() as session:
        import_runs(session, made_runs(1, 0), project_id=project_id)
        import_points(session, 1, {"auc": points})


def _reads(folder: Path) -> list[Result]:
    """Reads at 10,000 runs, each the median of 30."""
    store, project_id = _store(folder / "many.db")
    with store.write() as session:
        import_runs(session, made_runs(MANY, 2), project_id=project_id)
    reader = store.reader
    failed = run_filter("state:failed")

    def median_ms(work: Callable[[], object]) -> float:
        work()
        return 1000 * statistics.median(_seconds(lambda: (work(), None)[1]) for _ in range(30))

    results = [
        at_most(
            "top 50 of 10,000 runs by a metric", median_ms(lambda: top_runs_by_metric(reader, "metric_0")), "ms", 5
        ),
        at_most("page of 50 of 10,000 runs", median_ms(lambda: page_of_runs(reader)), "ms", 10),
        Result(
            "page of 50, sorted by a metric", median_ms(lambda: page_of_runs(reader, sort="metrics.metric_1")), "ms"
        ),
        Result("page of 50, filtered by state", median_ms(lambda: page_of_runs(reader, where=failed)), "ms"),
        Result("overview of 10,000 runs", median_ms(lambda: overview(reader)), "ms"),
        at_most("opening a store at its newest revision", median_ms(lambda: migrate(store)), "ms", 5),
    ]
    store.close()
    return results
