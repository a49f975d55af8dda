"""MLflow's side of the tracking benchmark, run in its own environment: `python mlflow_tracking.py FOLDER`; prints JSON.

1,000 runs x 20 parameters x 20 metrics through its client, 100,000 points in its largest batches, and the 50 best of
10,000 runs, which are put into its own tables beforehand.
"""

import json
import logging
import os
import sqlite3
import statistics
import sys
import time

logging.disable(logging.INFO)
os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"

from mlflow.entities import Metric, Param  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

RUNS, KEYS, POINTS, MANY = (int(os.environ.get("BENCH_RUNS", "1000")), 20, 100_000, 10_000)


def main(folder: str) -> dict[str, float]:
    """Every figure, in seconds."""
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/runs.db")
    experiment = client.create_experiment("demo")
    values = [(number * 7919 % 1000) / 1000 for number in range(KEYS)]
    begun = time.perf_counter()
    for number in range(RUNS):
        run = client.create_run(experiment, start_time=1_600_000_000_000 + number).info.run_id
        params = [Param(f"parameter_{key}", str(value)) for key, value in enumerate(values)]
        metrics = [Metric(f"metric_{key}", value, 1_600_000_000_000, 0) for key, value in enumerate(values)]
        client.log_batch(run, metrics=metrics, params=params)
        client.set_terminated(run)
    runs_s = (time.perf_counter() - begun) * 1000 / RUNS
    begun = time.perf_counter()
    run = client.create_run(experiment).info.run_id
    for first in range(0, POINTS, 1000):
        client.log_batch(
            run, metrics=[Metric("auc", s / POINTS, 1_600_000_000_000, s) for s in range(first, first + 1000)]
        )
    points_s = time.perf_counter() - begun
    return {"runs_s": runs_s, "points_s": points_s, **top(folder)}


def top(folder: str) -> dict[str, float]:
    """The 50 best of 10,000 runs with two parameters and two metrics, as its tables are, and after ANALYZE."""
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/many.db")
    experiment = client.create_experiment("demo")
    with sqlite3.connect(f"{folder}/many.db") as base:
        base.executemany(
            """INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
            start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
            VALUES (?, ?, 'LOCAL', '', '', 'ana', 'FINISHED', ?, ?, '', 'active', '', ?)""",
            [(f"{n:032x}", f"run {n}", n, n + 9, int(experiment)) for n in range(MANY)],
        )
        rows = [(f"metric_{k}", (n * 7919 % 9973 + k) / 9973, n, f"{n:032x}") for n in range(MANY) for k in range(2)]
        for table in ("metrics", "latest_metrics"):
            sql = f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 0, 0, ?)"
            base.executemany(sql, rows)
        base.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            [(f"parameter_{k}", str(n), f"{n:032x}") for n in range(MANY) for k in range(2)],
        )
    before = _median(client, experiment, 3)
    with sqlite3.connect(f"{folder}/many.db") as base:
        base.execute("ANALYZE")
    fresh = MlflowClient(tracking_uri=f"sqlite:///{folder}/many.db")
    return {"top_s": before, "top_analyzed_s": _median(fresh, experiment, 5)}


def _median(client: MlflowClient, experiment: str, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        found = client.search_runs([experiment], order_by=["metrics.metric_0 DESC"], max_results=50)
        times.append(time.perf_counter() - begun)
        assert len(found) == 50
        assert found[0].data.metrics["metric_0"] >= found[49].data.metrics["metric_0"]
    return statistics.median(times)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
