"""From Parquet to a registered model, against bare LightGBM on the same columns; whole processes, in turn.

Twice: from the offline store's Parquet (the train flow), and from the raw files of the sources (the whole pipeline with
contract, quarantine, snapshots, views, Delta tables and point-in-time join, of which the bare script does nothing).

Ours reads Delta tables, joins them point in time, checks, fits with a live curve, judges baseline and slices, proves
the package in a child and registers; the bare script reads one flat Parquet file, fits, predicts and saves.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.services import features
from app.services.running import register_project
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from benchmarks import Result, at_most

ROUNDS = 300
TURNS = 5
WHOLE_TURNS = 2
BAR = 1.25
ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_data" / "flights"
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}


def run() -> list[Result]:
    """Seconds of both in turn, and the median of their ratios: what disturbs the machine disturbs both of a turn."""
    with tempfile.TemporaryDirectory() as folder:
        project = _raw(Path(folder) / "workspace")
        for name in ("ingest", "features"):
            _seconds(_flow(name), project)
        job, rows = _flatten(project, Path(folder))
        ours, bare, whole = [], [], []
        for turn in range(TURNS):
            bare.append(_seconds(["-m", "benchmarks.training_bare", job]))
            ours.append(_seconds([*_flow("train"), "--set", f"rounds={ROUNDS}"], project))
            if turn < WHOLE_TURNS:
                whole.append(_seconds(_flow("pipeline"), _raw(Path(folder) / f"raw{turn}")))
    wall, work = (
        statistics.median(mine[at] / theirs[at] for mine, theirs in zip(ours, bare, strict=True)) for at in (0, 1)
    )
    return [
        Result(f"train flow, {rows:,} rows x {ROUNDS} rounds, whole process, best of {TURNS}", min(ours)[0], "s"),
        Result(f"bare LightGBM on the same columns, whole process, best of {TURNS}", min(bare)[0], "s"),
        Result("whole pipeline from the raw files, whole process", min(whole)[0], "s"),
        Result("whole pipeline against bare LightGBM (best of each)", min(whole)[0] / min(bare)[0], "x"),
        Result("train flow against bare LightGBM (best of each)", min(ours)[0] / min(bare)[0], "x"),
        Result("train flow against bare LightGBM (CPU seconds, median of turns)", work, "x"),
        at_most("train flow against bare LightGBM (median of turns)", wall, "x", BAR),
    ]


def _raw(root: Path) -> OpenProject:
    """A workspace with the sample project and all raw files of the year."""
    workspace = make_workspace(root)
    target = workspace.project_folder("flight-delay")
    shutil.copytree(SAMPLE / "project", target)
    for source in ("flights", "weather", "planes"):
        (target / "incoming" / source).mkdir(parents=True)
        for file in SAMPLE.glob(f"{source}*.parquet"):
            shutil.copy(file, target / "incoming" / source)
    return open_project(workspace, "flight-delay")


def _flatten(project: OpenProject, folder: Path) -> tuple[str, int]:
    """Write the joined columns as one flat Parquet file; gives the bare script's job and how many rows it has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from app.learning.learners import Question, method_of
    from app.learning.openmp import usable_threads
    from app.learning.split import split

    with open_store(project.workspace) as store:
        newest = features.newest_feature_set(store, register_project(store, project))
        rows = features.training_frame(store, project, newest.id)
    file = project.file
    parts = split(rows.frame, file.split, file.problem)
    frame = rows.frame[[column.name for column in rows.features]].copy()
    categories = [column.name for column in rows.features if column.kind == "category"]
    frame = frame.astype(dict.fromkeys(categories, "str"))
    frame["is_late"] = rows.frame[file.problem.target].astype(float)
    frame["is_test"] = False
    frame.iloc[parts.test, frame.columns.get_loc("is_test")] = True  # type: ignore[index]
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "flat.parquet")
    parameters = method_of("lightgbm").settings(Question(file.problem.task, 2), file.learner, usable_threads())
    for ours_only in ("deterministic", "force_row_wise", "metric"):
        parameters.pop(ours_only)
    job = {
        "file": str(folder / "flat.parquet"),
        "to": str(folder / "bare.txt"),
        "numbers": [column.name for column in rows.features if column.kind == "number"],
        "categories": categories,
        "parameters": parameters,
        "rounds": ROUNDS,
    }
    return json.dumps(job), len(frame)


def _flow(name: str) -> list[str]:
    return ["-m", f"flows.{name}", "--project", "flight-delay", "--quiet"]


def _seconds(arguments: list[str], project: OpenProject | None = None) -> tuple[float, float]:
    """Wall and CPU seconds (user and system, all threads) of a process and its children."""
    where = ["--workspace", str(project.workspace.root)] if project else []
    command = [sys.executable, *arguments, *where]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT, cwd=ROOT)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    for result in run():
        print(result)
