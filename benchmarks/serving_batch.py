"""Batch prediction: rows a second against `Booster.predict` on all cores, and memory on the year, and on several.

The ratio compares equal work: the same encoded matrix in, the same scores out. The flow's own seconds hold more: tables
read in pieces, joined point in time, answered, each piece kept in the store, one Parquet file at the end.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.features import offline
from app.services import features
from app.services.predictions import load_version, offline_frame, production_of
from app.services.running import register_project
from app.services.workspaces import OpenProject, open_store
from app.store.tables import FeatureSet
from benchmarks import Result, at_most
from benchmarks.training_pipeline import ENVIRONMENT, ROOT, _flow, _raw, _seconds

TIMES = int(os.environ.get("BENCH_TIMES", "4"))
"""How many times the year's rows are put beside each other."""
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "300"))
MONTHS = int(os.environ.get("BENCH_MONTHS", "12"))
"""Fewer months for a quick look."""
TURNS = 5
BAR = 0.9
MB = 1 << 20
NO_GATES = """[gates]
clean_commit = false
minimum_gain_over_baseline = -1e9
minimum_gain_over_production = -1e9
"""


def run() -> list[Result]:
    """The ratio (bar: 0.9), the flow's rows a second, and its peak memory on one year and on several."""
    with tempfile.TemporaryDirectory() as folder:
        project = _raw(Path(folder) / "workspace")
        for file in project.folder.glob("incoming/*/*-2013-*.parquet"):
            if int(file.stem.rpartition("-")[2]) > MONTHS:
                file.unlink()
        toml = project.folder / "project.toml"
        toml.write_text(re.sub(r"^\[gates\]\n(?:\w.*\n)*", NO_GATES, toml.read_text(), flags=re.MULTILINE))
        for name in ("ingest", "features"):
            _seconds(_flow(name), project)
        _seconds([*_flow("train"), "--set", f"rounds={ROUNDS}"], project)
        deploy = ["--set", "version=1", "--set", "by=bench", "--set", "reason=bench"]
        _seconds([*_flow("deploy"), *deploy], project)
        rows, ours_s, theirs_s = _scores(project)
        once = _batch(project)
        _multiply(project, TIMES)
        several = _batch(project)
    speed = theirs_s / ours_s
    growth = (several["peak_mb"] - once["peak_mb"]) / once["peak_mb"]
    return [
        Result(f"Booster.predict on all cores, {rows:,} rows", rows / theirs_s, "rows/s"),
        Result(f"ours, the same matrix, {rows:,} rows", rows / ours_s, "rows/s"),
        Result("batch against Booster.predict, equal work", speed, "x", f">= {BAR:g}", speed >= BAR),
        Result(f"predict flow, {once['rows']:,} rows: whole process", once["seconds"], "s"),
        Result(f"predict flow, {several['rows']:,} rows: whole process", several["seconds"], "s"),
        Result(f"predict flow, {once['rows']:,} rows: peak memory", once["peak_mb"], "MB"),
        Result(f"predict flow, {several['rows']:,} rows: peak memory", several["peak_mb"], "MB"),
        at_most(f"memory grows with {TIMES} x the rows by", growth * 100, "%", 25),
    ]


def _scores(project: OpenProject) -> tuple[int, float, float]:
    """Rows, and the best seconds of ours and of LightGBM's own for the same encoded matrix, in turn."""
    import lightgbm
    import numpy as np

    from app.learning.encode import encode
    from app.learning.openmp import usable_threads

    with open_store(project.workspace) as store:
        project_id = register_project(store, project)
        newest = features.newest_feature_set(store, project_id)
        with store.read() as session:
            production = production_of(session, project_id, project.name)
        model = load_version(store, production.version_id)
        frame = offline_frame(store, project, newest.id, (None, None))
    matrix = np.ascontiguousarray(encode(frame, model.signature).matrix)
    booster = lightgbm.Booster(model_str=model.package.model.decode())
    cores = usable_threads()
    found: Any = model.predict_matrix(matrix)
    plain: Any = booster.predict(matrix, num_threads=cores)
    assert model.calibration is not None or np.array_equal(found, plain)
    ours, theirs = [], []
    for _ in range(TURNS):
        theirs.append(_timed(lambda: booster.predict(matrix, num_threads=cores)))
        ours.append(_timed(lambda: model.predict_matrix(matrix)))
    return len(matrix), min(ours), min(theirs)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _batch(project: OpenProject) -> dict[str, Any]:
    """Rows, seconds and peak memory (MB) of the predict flow over everything, as a process of its own."""
    words = [*_flow("predict"), "--set", "from=2000-01-01T00:00:00Z", "--json"]
    command = [sys.executable, *words, "--workspace", str(project.workspace.root)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, told
    seconds = time.perf_counter() - begun
    return {"rows": json.loads(told)["rows"], "seconds": seconds, "peak_mb": usage.ru_maxrss * 1024 / MB}


def _multiply(project: OpenProject, times: int) -> None:
    """A new version of the features: each row of the spine, and of the views of one row a flight, several times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from app.services.workspaces import now

    with open_store(project.workspace) as store:
        newest = features.newest_feature_set(store, register_project(store, project))
        folder = project.workspace.features / project.name
        (key,) = project.file.problem.entity
        views = {name: dict(record) for name, record in newest.views.items()}
        for name, record in views.items():
            if record["entity"] != [key]:
                continue
            stored = offline.read(folder / str(record["table"]), int(str(record["version"])))
            at, kept = stored.column_names.index(key), stored[key]
            parts = []
            for turn in range(times):
                keys = pc.binary_join_element_wise(kept.cast(pa.string()), f"#{turn}", "")
                parts.append(stored.set_column(at, key, keys))
            digest = f"multiplied-{name}-{times}"
            table = f"{record['table']}-times"
            version = offline.publish(folder / table, pa.concat_tables(parts).to_pandas(), digest=digest)
            record.update(table=table, version=version, rows=stored.num_rows * times)
        with store.write() as session:
            _insert(session, newest, views, now())


def _insert(session: Any, newest: Any, views: dict[str, dict[str, object]], moment: Any) -> None:
    row = session.get(FeatureSet, newest.id)
    session.add(
        FeatureSet(
            project_id=row.project_id,
            run_id=row.run_id,
            version=row.version + 1,
            digest="f" * 64,
            rules_digest=row.rules_digest,
            rows=sum(int(str(record["rows"])) for record in views.values() if record.get("is_spine")),
            views=json.dumps(views),
            snapshots=row.snapshots,
            created_at=moment,
        )
    )


if __name__ == "__main__":
    for result in run():
        print(result)
