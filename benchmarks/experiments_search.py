"""A search of 30 trials on the sample year against the sum of its bare LightGBM fits, on Datasets that are reused.

Ours: folds, the child's start, binning once a fold, Optuna, a row in the store for each trial, a live curve of about
twenty points. Bare: for each trial and fold the same parameters on a Dataset that is binned already, the same number of
rounds with the same validation rows attached, and one metric at the end; only these fits are counted. Seconds of the
processors are counted beside those of the clock: they tell on a machine that others use what the clock cannot.
"""

import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

from app.learning.openmp import usable_threads
from app.services import experiments
from app.services.experiments import Divided, Opened, Searched
from app.services.running import running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from app.store.engine import Store
from benchmarks import Result, at_most

TRIALS = int(os.environ.get("TRAINMASTER_BENCH_TRIALS", "30"))
ROUNDS = 100
BAR = 1.15
SAMPLE = Path(__file__).resolve().parents[1] / "sample_data" / "flights"
MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")


def run() -> list[Result]:
    """Seconds of the search, of its bare fits, and their ratio; bar: 1.15."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "workspace")
        with open_store(project.workspace) as store:
            divided, opened, found, ours_s, ours_cpu_s = _search(store, project)
            trials = _trials(store, opened)
        bare_s, bare_cpu_s = _bare(divided, opened, trials)
    return [
        Result(
            f"search of {found.trials} trials x {len(opened.folds)} folds, {len(divided.train):,} rows", ours_s, "s"
        ),
        Result("its bare LightGBM fits on reused Datasets, sum", bare_s, "s"),
        at_most("search against the sum of its bare fits", ours_s / bare_s, "x", BAR),
        Result("the same in seconds of the processors", ours_cpu_s / bare_cpu_s, "x"),
    ]


def _project(root: Path) -> OpenProject:
    """The sample project with four months, searched by LightGBM alone, without pruning."""
    workspace = make_workspace(root)
    target = workspace.project_folder("flight-delay")
    shutil.copytree(SAMPLE / "project", target)
    for source in ("flights", "weather", "planes"):
        (target / "incoming" / source).mkdir(parents=True)
        for file in SAMPLE.glob(f"{source}*.parquet"):
            if source == "planes" or any(month in file.name for month in MONTHS) or "2013" not in file.name:
                shutil.copy(file, target / "incoming" / source)
    text = (target / "project.toml").read_text()
    text = text[: text.index("[search")] if "[search" in text else text
    text += f"\n[search]\ntrials = {TRIALS}\nfolds = 3\nprune = false\n"
    text = text.replace("rounds = 300", f"rounds = {ROUNDS}")
    both = f"[learner.parameters]\nnum_threads = {usable_threads()}\n"  # the same for ours and the bare fits
    (target / "project.toml").write_text(text.replace("[learner.parameters]\n", both))
    return open_project(workspace, "flight-delay")


def _search(store: Store, project: OpenProject) -> tuple[Divided, Opened, Searched, float, float]:
    from flows.features import features
    from flows.ingest import ingest

    root = str(project.workspace.root)
    for flow in (ingest, features):
        flow(project.name, workspace=root)
    with running(store, project, "experiment", stages=4) as run:
        with run.task("pull") as task:
            pulled = experiments.pull(task)
        with run.task("split") as task:
            divided = experiments.split(task, pulled)
        begun, cpu = time.perf_counter(), _cpu_s()
        with run.task("fold") as task:
            opened = experiments.open_search(task, pulled, divided)
        with run.task("search") as task:
            found = experiments.search(task, opened, divided)
        return divided, opened, found, time.perf_counter() - begun, _cpu_s() - cpu


def _cpu_s() -> float:
    """Seconds that processors worked for this process and for its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _trials(store: Store, opened: Opened) -> list[tuple[dict[str, Any], int]]:
    """Parameters and rounds that were grown, of each LightGBM trial."""
    from app.store.queries import trials as queries

    return [
        (dict(trial.parameters), round(trial.curve[-1][0] * ROUNDS))
        for trial in queries.trials(store.reader, opened.experiment_id)
        if trial.learner == "lightgbm"
    ]


def _bare(divided: Divided, opened: Opened, trials: list[tuple[dict[str, Any], int]]) -> tuple[float, float]:
    import lightgbm

    binning = {"verbosity": -1, "feature_pre_filter": False}
    places = list(opened.columns.categories)
    pairs = []
    for fold in opened.folds:
        train = lightgbm.Dataset(
            divided.train[fold.train], divided.train_target[fold.train], categorical_feature=places, params=binning
        ).construct()
        valid = lightgbm.Dataset(
            divided.train[fold.valid], divided.train_target[fold.valid], reference=train, params=binning
        ).construct()
        pairs.append((train, valid))
    total, cpu = 0.0, _cpu_s()
    for parameters, rounds in trials:
        settings = {
            **binning,
            **parameters,
            "objective": "binary",
            "metric": "auc",
            "seed": 7,
            "deterministic": True,
            "force_row_wise": True,
        }
        for train, valid in pairs:
            begun = time.perf_counter()
            booster = lightgbm.Booster(settings, train)
            booster.add_valid(valid, "valid")
            for _ in range(rounds):
                booster.update()
            booster.eval_valid()
            total += time.perf_counter() - begun
    return total, _cpu_s() - cpu


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result.__dict__))
