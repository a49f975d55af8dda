"""Tracking beside MLflow on SQLite, in the same run: its client in its own environment, our ledger, the same runs."""

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from app.domain.states import RunState
from app.store import holders, ledger
from app.store.bulk import import_points, import_runs
from app.store.engine import Store
from app.store.queries.runs import metrics_of, parameters_of, top_runs_by_metric
from benchmarks import Result
from benchmarks.peers import FOLDER, python_of
from benchmarks.store_tracking import BEGIN, KEYS, MANY, POINTS, RUNS, _store, made_runs


def run() -> list[Result]:
    """Every figure of the peer, then ours, then how many times ours goes into the peer's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "peer").mkdir()
        told = subprocess.run(
            [str(python_of("mlflow")), str(FOLDER / "mlflow_tracking.py"), str(folder / "peer")],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=folder,
        )
        peer = json.loads(told.stdout.splitlines()[-1])
        bulk_s, live_s, points_s, top_s = _ours(folder)
    return [
        Result("MLflow: 1,000 runs x 20 x 20", peer["runs_s"], "s"),
        Result("ours: in bulk", bulk_s, "s"),
        Result("ours: each run as it happens, five transactions", live_s, "s"),
        at_least("  MLflow / ours in bulk", peer["runs_s"] / bulk_s, 25),
        Result("  MLflow / ours as it happens", peer["runs_s"] / live_s, "x"),
        Result("MLflow: 100,000 points", peer["points_s"], "s"),
        Result("ours: 100,000 points", points_s, "s"),
        at_least("  MLflow / ours", peer["points_s"] / points_s, 20),
        Result("MLflow: top 50 of 10,000 runs", peer["top_s"], "s"),
        Result("MLflow: the same after ANALYZE", peer["top_analyzed_s"], "s"),
        Result("ours: top 50, with parameters and metrics", top_s, "s"),
        at_least("  MLflow / ours", peer["top_s"] / top_s, 1000),
        Result("  MLflow after ANALYZE / ours", peer["top_analyzed_s"] / top_s, "x"),
    ]


def at_least(name: str, value: float, limit: float) -> Result:
    """A ratio that must reach a limit.

    >>> at_least("theirs / ours", 30.0, 25).met
    True
    """
    return Result(name, value, "x", f">= {limit:g}", value >= limit)


def _ours(folder: Path) -> tuple[float, float, float, float]:
    runs, points = made_runs(RUNS, KEYS), [(step, step / POINTS) for step in range(POINTS)]
    store, project = _store(folder / "bulk.db")
    begun = time.perf_counter()
    with store.write() as session:
        import_runs(session, runs, project_id=project)
    bulk_s = time.perf_counter() - begun
    begun = time.perf_counter()
    with store.write() as session:
        import_points(session, 1, {"auc": points})
    points_s = time.perf_counter() - begun
    store.close()
    live, project = _store(folder / "live.db")
    begun = time.perf_counter()
    for number in range(RUNS):
        _as_it_happens(live, project, number)
    live_s = time.perf_counter() - begun
    live.close()
    many, project = _store(folder / "many.db")
    with many.write() as session:
        import_runs(session, made_runs(MANY, 2), project_id=project)
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        found = top_runs_by_metric(many.reader, "metric_0")
        everything = [(metrics_of(many.reader, row.key), parameters_of(many.reader, row.key)) for row in found]
        times.append(time.perf_counter() - begun)
        assert len(everything) == 50
    many.close()
    return bulk_s, live_s, points_s, statistics.median(times)


def _as_it_happens(store: Store, project: int, number: int) -> None:
    """A run as a flow writes it: asked for, begun, parameters, metrics, ended."""
    holder = holders.this_process()
    with store.write() as session:
        run = ledger.request_run(session, flow="train", project_id=project, requested_by="ana", now=BEGIN)
    assert run.id is not None
    with store.write() as session:
        ledger.start_run(session, ledger.find_run(session, run.key), now=BEGIN, holder=holder, stages=1)
    with store.write() as session:
        ledger.log_parameters(session, run.id, {f"parameter_{key}": number / (key + 1) for key in range(KEYS)})
    with store.write() as session:
        ledger.log_metrics(session, run.id, {f"metric_{key}": number / (key + 1) for key in range(KEYS)})
    with store.write() as session:
        ended = ledger.find_run(session, run.key)
        ledger.finish_run(session, ended, RunState.COMPLETED, now=BEGIN, duration_s=1.0)
