"""One side of `training_arrow`, in a process of its own: the bins of a Parquet file, or fits on them; timed."""

import json
import os
import resource
import sys
import time
from typing import Any

from app.domain.processes import prepare

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if sys.argv[1] != "pandas":
    prepare(os.environ)

import lightgbm
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from app.domain.problem import Task
from app.domain.project import Learner
from app.learning import learners
from app.learning.dataset import make_dataset
from app.learning.encode import Encoded, encode, learn_signature
from app.learning.signature import Feature

QUIET = {"verbosity": -1, "num_threads": 2}
LEARNER = Learner(rounds=60, parameters={"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100})


def main() -> None:
    """Print what was measured as JSON; libraries are imported before the clock starts."""
    which, job = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps({"ours": _bins, "pandas": _bins, "fits": _fits, "busy": _busy}[which](which, job)))


def _bins(which: str, job: dict[str, Any]) -> dict[str, float]:
    begun = time.perf_counter()
    made = _by_pandas(job) if which == "pandas" else _by_arrow(job)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"s": seconds, "peak_mb": peak / 1024, "rows": made.num_data()}


def _by_arrow(job: dict[str, Any]) -> lightgbm.Dataset:
    encoded, target, places = _encoded(job)
    return make_dataset(encoded.table, target, parameters=QUIET, categories=places)


def _encoded(job: dict[str, Any]) -> tuple[Encoded, Any, list[int]]:
    features = [Feature(name, "category" if name in job["categories"] else "number") for name in job["columns"]]
    table = pq.read_table(job["file"], columns=[*job["columns"], job["target"]], read_dictionary=job["categories"])
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    del table
    target = frame.pop(job["target"]).to_numpy(dtype=np.float64)
    signature = learn_signature(frame, features, task=Task.BINARY, target=job["target"])
    return encode(frame, signature), target, [job["columns"].index(name) for name in job["categories"]]


def _by_pandas(job: dict[str, Any]) -> lightgbm.Dataset:
    """What LightGBM's documentation shows: a frame whose text columns are of the category type."""
    frame = pd.read_parquet(job["file"], columns=[*job["columns"], job["target"]])
    target = frame.pop(job["target"])
    for name in job["categories"]:
        frame[name] = frame[name].astype("category")
    return lightgbm.Dataset(frame, target, params=QUIET).construct()


def _fits(_which: str, job: dict[str, Any]) -> dict[str, float]:
    """Our fit against LightGBM's own on the same Arrow table, in turn."""
    encoded, target, places = _encoded(job)
    settings = learners.method_of("lightgbm").settings(learners.Question(Task.BINARY, 2), LEARNER, 2)
    ours, bare = [], []
    for _ in range(4):
        begun = time.perf_counter()
        rows = lightgbm.Dataset(encoded.table, target, categorical_feature=places, params=settings)
        lightgbm.train(settings, rows, num_boost_round=LEARNER.rounds).model_to_string()
        bare.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        _fit(encoded, target, places, 2)
        ours.append(time.perf_counter() - begun)
    return {"ours_s": min(ours), "bare_s": min(bare)}


def _busy(_which: str, job: dict[str, Any]) -> dict[str, float]:
    """One fit on as many threads as the job says, and its CPU seconds."""
    encoded, target, places = _encoded(job)
    begun, cpu = time.perf_counter(), time.process_time()
    _fit(encoded, target, places, job["threads"])
    return {"s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}


def _fit(encoded: Encoded, target: Any, places: list[int], threads: int) -> None:
    learners.fit(Task.BINARY, encoded.table, target, learner=LEARNER, categories=places, classes=2, threads=threads)


if __name__ == "__main__":
    main()
