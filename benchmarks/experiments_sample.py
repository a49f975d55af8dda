"""The sample search: tuned on January and February by folds in time, judged once on March and April, against untuned.

Untuned is LightGBM with its own defaults, 100 rounds among them. The search knows nothing of the sample project's
learner, whose values were set by hand: `[learner]` is empty here, and only a trial that the search itself proposed can
be the tuned one. What was set by hand is judged beside them. The interval is a paired block bootstrap by day: days are
drawn again, both models are judged on the same draws.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import numpy as np

from app.domain.project import Learner, parse_project
from app.services import experiments
from app.services.experiments import Searched
from app.services.experiments.choosing import chosen_learner
from app.services.running import RunContext, running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from app.store.engine import Store
from benchmarks import Result

TRIALS = int(os.environ.get("TRAINMASTER_BENCH_TRIALS", "30"))
DRAWS = 1000
SAMPLE = Path(__file__).resolve().parents[1] / "sample_data" / "flights"
MONTHS = ("01", "02", "03", "04")
PLAIN = Learner(rounds=100)
SETTINGS = f"""
[learner]
kind = "lightgbm"
rounds = 300

[search]
learners = ["lightgbm", "logistic"]
trials = {TRIALS}
folds = 3
"""


def run() -> list[Result]:
    """AUC of both on March and April, the gain with its 95 % interval; held to: the interval lies above 0."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "workspace")
        by_hand = parse_project((SAMPLE / "project" / "project.toml").read_text(), "project.toml").learner
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
                number, says = _proposed(store, found, len(opened.rule.learners))
                tuned = _predicted(run, divided, _of_trial(run, found.key, number))
                plain, hand = (_predicted(run, divided, learner) for learner in (PLAIN, by_hand))
        window = divided.parts.test_window
        days = divided.test_frame[project.file.problem.event_time].dt.floor("D").astype("int64").to_numpy()
        truth = divided.test_target
    both, low, high = _gain(truth, tuned, plain, days)
    (set_by_hand, _), below, above = _gain(truth, hand, plain, days)
    name = f"AUC, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}, {len(truth):,} flights"
    return [
        Result(f"{name}: tuned ({says})", both[0], ""),
        Result(f"{name}: untuned LightGBM (its own defaults)", both[1], ""),
        Result("gain, lower end of its 95 % interval (by day)", low, "", "above 0", low > 0),
        Result("gain", both[0] - both[1], ""),
        Result("gain, upper end", high, ""),
        Result(f"the sample project's values, set by hand: gain {below:+.4f} to {above:+.4f}", set_by_hand, ""),
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
    text = (target / "project.toml").read_text().replace("test_months = 1", "test_months = 2")
    before, _, rest = text.partition("[learner]")
    after = rest[rest.index("[gates]") :]
    (target / "project.toml").write_text(before + SETTINGS + after)
    return open_project(workspace, "flight-delay")


def _proposed(store: Store, found: Searched, learners: int) -> tuple[int, str]:
    """The best of the trials that the search proposed itself: after the baselines and each learner untuned."""
    from app.store.queries import trials as queries

    tried = queries.trials(store.reader, queries.experiment(store.reader, found.key).id)
    able = [one for one in tried[2 + learners :] if one.state == "completed" and one.value is not None]
    best = max(able, key=lambda one: one.value or 0.0)
    says = f"trial {best.number} of {len(tried)}, {best.learner}: {best.value:.4f} in the folds"
    return best.number, f"{says}, untuned {tried[2].value:.4f}"


def _of_trial(run: RunContext, key: str, number: int) -> Learner:
    from dataclasses import replace

    return chosen_learner(replace(run, parameters={"from": key, "trial": number})).learner


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
