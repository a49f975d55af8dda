"""A store with one million runs: a page that is listed, filtered and sorted, from the first key to the last row.

The store is made once, in bulk, and kept in the cache folder (`TRAINMASTER_BENCH`, default
`~/.cache/trainmaster-bench`); delete `million-*.db` there to make it again.
"""

import hashlib
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.domain.states import RunState
from app.store.bulk import FinishedRun, import_runs
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.queries.runs import Cursor, page_of_runs, run_filter, sort_of, top_runs_by_metric
from app.store.tables import Project, metadata
from benchmarks import Result, at_most

BEGIN = datetime(2016, 1, 1, tzinfo=UTC)
MILLION, PART = 1_000_000, 50_000
LIMIT_MS = 50
LEARNERS = ("lightgbm", "logistic", "forest", "boosting", "mlp")
FLOWS = ("train", "train", "train", "ingest", "features", "monitor", "predict")

PAGES: tuple[tuple[str, str, str], ...] = (
    ("newest first", "", "-requested"),
    ("longest first", "", "-duration"),
    ("by a metric", "", "-metrics.auc"),
    ("failed, newest first", "state:failed", "-requested"),
    ("failed, longest first", "state:failed", "-duration"),
    ("metric and parameter", "metrics.auc > .72 and params.learner = lightgbm", "-metrics.auc"),
    ("metric and parameter, by start", "metrics.auc > .72 and params.learner = lightgbm", "started"),
    ("the low end of a metric, best first", "metrics.auc < .6", "-metrics.auc"),
    ("a rare parameter", "params.seed = 77", "-duration"),
    ("a rare state", "state:crashed", "-metrics.auc"),
    ("a rare person", "by:zoe", "-duration"),
    ("nothing at all", "metrics.auc > .72 and params.learner = none", "-metrics.auc"),
    ("a number of parameters", "params.rounds >= 900 and state:completed", "-metrics.auc"),
    ("either of two", "(flow:ingest or flow:features) and not state:failed", "started"),
    ("a beginning of a key", "run:0000000b", "-duration"),
    ("since a day", "started >= 2016-06-01 and flow:train", "-metrics.auc"),
)


def made(first: int, count: int) -> Iterator[FinishedRun]:
    """Runs from a seeded generator; seeds, crashes and one person are rare."""
    chance = random.Random(first)
    for number in range(first, first + count):
        begun = BEGIN + timedelta(seconds=17 * number)
        duration = chance.expovariate(1 / 90)
        state = RunState.COMPLETED if chance.random() < 0.85 else RunState.FAILED
        yield FinishedRun(
            flow=FLOWS[number % len(FLOWS)],
            requested_at=begun,
            started_at=begun + timedelta(seconds=chance.random() * 60),
            finished_at=begun + timedelta(seconds=60 + duration),
            duration_s=duration,
            state=RunState.CRASHED if number % 9_973 == 0 else state,
            requested_by="zoe" if number % 40_009 == 0 else ("ana", "ben", "schedule")[number % 3],
            parameters={
                "learner": LEARNERS[chance.randrange(len(LEARNERS))],
                "rounds": chance.randrange(50, 1000),
                "seed": chance.randrange(100_000),
            },
            metrics={"auc": 0.5 + 0.3 * chance.random(), "log_loss": 0.3 + 0.3 * chance.random()},
            key=f"{number:012x}",
        )


def million_store(count: int = MILLION) -> Store:
    """The store with so many runs, from the cache, or made now."""
    shape = "\n".join(f"{table.name} {[str(c) for c in table.columns]} {sorted(str(i.name) for i in table.indexes)}"
                      for table in metadata.sorted_tables)  # fmt: skip
    folder = Path(os.environ.get("TRAINMASTER_BENCH") or Path.home() / ".cache" / "trainmaster-bench")
    file = folder / f"million-{count}-{hashlib.sha256(shape.encode()).hexdigest()[:12]}.db"
    if not file.exists():
        arriving = file.with_suffix(f".{os.getpid()}.part")
        store = Store.of_file(arriving)
        migrate(store)
        with store.write() as session:
            session.add(Project(id=1, name="demo", created_at=BEGIN))
        for first in range(0, count, PART):
            with store.write() as session:
                import_runs(session, made(first, min(PART, count - first)), project_id=1)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        arriving.rename(file)
    return Store.of_file(file)


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def run(count: int = MILLION) -> list[Result]:
    """The first page and the next one of each list; medians of nine, with the file in the cache of the machine."""
    store = million_store(count)
    reader = store.reader
    results = []
    try:
        for name, words, order in PAGES:
            sort, descending = sort_of(order)

            def page(after: Cursor | None = None, words: str = words, sort: str = sort, down: bool = descending):  # type: ignore[no-untyped-def]
                where = run_filter(words) if words else None
                return page_of_runs(reader, where=where, sort=sort, descending=down, after=after)

            first = page()
            results.append(at_most(f"{name} ({len(first.rows)} rows)", _milliseconds(page), "ms", LIMIT_MS))
            if first.after is not None:
                results.append(
                    at_most("  next page", _milliseconds(lambda p=page, c=first.after: p(c)), "ms", LIMIT_MS)
                )
        results.append(
            at_most("top 50 by a metric", _milliseconds(lambda: top_runs_by_metric(reader, "auc")), "ms", LIMIT_MS)
        )
    finally:
        store.close()
    return results
