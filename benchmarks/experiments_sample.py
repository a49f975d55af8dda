"""The sample search: tuned on January and February by folds in time, judged once on March and April, against untuned.

Untuned is LightGBM with its own defaults and 300 rounds. The interval is a paired block bootstrap by day: days are
drawn again, both models are judged on the same draws.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import numpy as np

from app.domain.project import Learner
from app.services import experiments
from app.services.experiments.choosing import chosen_learner
from app.services.running import RunContext, running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from benchmarks import Result

TRIALS = int(os.environ.get("TRAINMASTER_BENCH_TRIALS", "30"))
DRAWS = 1000
SAMPLE = Path(__file__).resolve().parents[1] / "sample_data" / "flights"
MONTHS = ("01", "02", "03", "04")
SETTINGS = f"""
[search]
learners = ["lightgbm", "logistic"]
trials = {TRIALS}
folds = 3
"""


def run() -> list[Result]:
    """AUC of both on March and April, the gain with its 95 % interval; held to: the interval lies above 0."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "workspace")
        with open_store(project.workspace) as store:
            from flows.features import features
            from flows.ingest import ingest

            for flow in (ingest, features):
                flow(project.name, workspace=str(project.workspace.root))
            with running(store, project, "experiment", stages=4) as run:
                with run.task("pull") as task:
                    pulled = experiments.pull(task)
                with run.task("split") as task:
                    divided = experiments.split(task, pulled)
                with run.task("fold") as task:
                    opened = experiments.open_search(task, pulled, divided)
                with run.task("search") as task:
                    found = experiments.search(task, opened, divided)
                tuned = _predicted(run, divided, _tuned(run, found.key))
                plain = _predicted(run, divided, Learner(rounds=300))
        window = divided.parts.test_window
        days = divided.test_frame[project.file.problem.event_time].dt.floor("D").astype("int64").to_numpy()
        truth = divided.test_target
    both, low, high = _gain(truth, tuned, plain, days)
    name = f"AUC, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}, {len(truth):,} flights"
    return [
        Result(f"{name}: tuned ({found.says})", both[0], ""),
        Result(f"{name}: untuned LightGBM", both[1], ""),
        Result("gain, lower end of its 95 % interval (by day)", low, "", "above 0", low > 0),
        Result("gain", both[0] - both[1], ""),
        Result("gain, upper end", high, ""),
    ]


def _project(root: Path) -> OpenProject:
    """The sample project with January to April, of which March and April are the test window."""
    workspace = make_workspace(root)
    target = workspace.project_folder("flight-delay")
    shutil.copytree(SAMPLE / "project", target)
    for source in ("flights", "weather", "planes"):
        (target / "incoming" / source).mkdir(parents=True)
        for file in SAMPLE.glob(f"{source}*.parquet"):
            if source == "planes" or file.stem[-2:] in MONTHS:
                shutil.copy(file, target / "incoming" / source)
    text = (target / "project.toml").read_text()
    text = text[: text.index("[search]")] if "[search]" in text else text
    (target / "project.toml").write_text(text.replace("test_months = 1", "test_months = 2") + SETTINGS)
    return open_project(workspace, "flight-delay")


def _tuned(run: RunContext, key: str) -> Learner:
    from dataclasses import replace

    return chosen_learner(replace(run, parameters={"from": key})).learner


def _predicted(run: RunContext, divided: Any, learner: Learner) -> Any:
    from app.learning import learners
    from app.learning.learners.stored import answers, load
    from app.learning.native import Trees

    places = [at for at, feature in enumerate(divided.signature.features) if feature.kind == "category"]
    fitted = learners.fit(
        divided.signature.task,
        divided.train_rows.table,
        divided.train_target,
        learner=learner,
        categories=places,
        names=divided.signature.names,
        classes=2,
    )
    run.log(f"{learner.kind}: {fitted.rounds} rounds")
    if fitted.format == "skops":
        return answers(load(fitted.content), divided.test, divided.signature.task, 2)
    return np.asarray(Trees(fitted.content).predict(divided.test.ravel(order="C").tolist(), len(divided.test)))


def _gain(truth: Any, tuned: Any, plain: Any, days: Any) -> tuple[tuple[float, float], float, float]:
    """Both AUCs, and the 2.5 and 97.5 percentiles of their difference over drawn days."""
    from app.learning.learners import quick_auc

    generator = np.random.default_rng(7)
    _, codes = np.unique(days, return_inverse=True)
    rows = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    gains = []
    for _ in range(DRAWS):
        places = np.concatenate([rows[day] for day in generator.integers(0, len(rows), len(rows))])
        gains.append(quick_auc(truth[places], tuned[places]) - quick_auc(truth[places], plain[places]))
    low, high = np.percentile(gains, [2.5, 97.5])
    return (quick_auc(truth, tuned), quick_auc(truth, plain)), float(low), float(high)


if __name__ == "__main__":
    for result in run():
        print(result)
