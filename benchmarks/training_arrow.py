"""From Parquet to LightGBM's bins through Arrow, against pandas' categories, on 3 million rows; and fits on them.

The rows are the flights of the sample year with their features, nine times over. Each side reads the same file in a
process of its own, in turn; the best of three counts, the peak is the whole process's.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from app.domain.processes import BEFORE_LIBRARIES
from app.machine.threads import choose_threads
from benchmarks import Result, at_most
from benchmarks.training_pipeline import ROOT, _flow, _raw, _seconds

TIMES = 9
TURNS = 3


def run() -> list[Result]:
    """Seconds and peaks of both ways, our fit against LightGBM's own, and a fit beside a busy core."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = _files(Path(folder))
        ours, theirs = [], []
        for _ in range(TURNS):
            theirs.append(_child("pandas", many))
            ours.append(_child("ours", many))
        fits = _child("fits", one)
        alone, beside, worked, cores = _beside_a_busy_core(one)
    fast, slow = (min(side["s"] for side in sides) for sides in (ours, theirs))
    small, large = (min(side["peak_mb"] for side in sides) for sides in (ours, theirs))
    rows = int(ours[0]["rows"])
    return [
        Result(f"Parquet to bins through Arrow, {rows:,} rows", fast, "s"),
        Result("Parquet to bins by pandas categories", slow, "s"),
        Result("times faster than pandas categories", slow / fast, "x", ">= 1.8", slow / fast >= 1.8),
        Result("peak through Arrow", small, "MB"),
        Result("peak by pandas categories", large, "MB"),
        at_most("peak against pandas categories", small / large, "x", 0.65),
        Result("bare LightGBM on the Arrow table, one year", fits["bare_s"], "s"),
        at_most("our fit against bare LightGBM, same Arrow table", fits["ours_s"] / fits["bare_s"], "x", 1.1),
        Result(f"fit on {cores} free of {os.cpu_count()} cores, alone", alone, "s"),
        at_most("fit beside a busy core against the same share alone", beside / alone, "x", 1.5),
        Result("the same in seconds of the processors", worked, "x"),
    ]


def _beside_a_busy_core(job: dict[str, object]) -> tuple[float, float, float, int]:
    """Seconds on the cores that a busy one leaves: first with nobody there, then beside it, best of three.

    The third number compares seconds of the processors, which tell on a machine that others use as well.
    """
    cores = choose_threads(os.cpu_count() or 1, 1.0)
    share = job | {"threads": cores}
    alone = [_child("busy", share) for _ in range(TURNS)]
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        beside = [_child("busy", share) for _ in range(TURNS)]
    finally:
        busy.kill()
        busy.wait()
    worked, wall = ([min(one[key] for one in runs) for runs in (alone, beside)] for key in ("cpu_s", "s"))
    return wall[0], wall[1], worked[1] / worked[0], cores


def _child(which: str, job: dict[str, object]) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name not in BEFORE_LIBRARIES}
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks._arrow_child", which, json.dumps(job)],
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    found: dict[str, float] = json.loads(told.stdout)
    return found


def _files(folder: Path) -> tuple[dict[str, object], dict[str, object]]:
    """The joined features as one flat file, once and nine times over."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from app.services import features
    from app.services.running import register_project
    from app.services.workspaces import open_store

    project = _raw(folder / "workspace")
    for name in ("ingest", "features"):
        _seconds(_flow(name), project)
    with open_store(project.workspace) as store:
        newest = features.newest_feature_set(store, register_project(store, project))
        rows = features.training_frame(store, project, newest.id)
    columns = [column.name for column in rows.features]
    categories = [column.name for column in rows.features if column.kind == "category"]
    frame = rows.frame[columns].astype(dict.fromkeys(categories, "str"))
    frame["target"] = rows.frame[project.file.problem.target].astype(float)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    jobs: list[dict[str, object]] = []
    for times in (1, TIMES):
        file = str(folder / f"flat{times}.parquet")
        with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
            for _ in range(times):
                writer.write_table(table)
        jobs.append({"file": file, "columns": columns, "categories": categories, "target": "target"})
    return jobs[0], jobs[1]


if __name__ == "__main__":
    for result in run():
        print(result)
