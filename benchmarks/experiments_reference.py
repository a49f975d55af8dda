"""Three data sets that ship with scikit-learn, searched and trained by us, against a reference tuned by GridSearchCV.

Both learn from the same rows, choose by five-fold cross-validation on them alone, and are judged on the same held-out
rows; three seeded splits, means. The reference is the best of scikit-learn's own grids: scaled logistic or ridge
regression, a support vector machine and gradient boosting. Every split runs in a process of its own, on one thread.
"""

import json
import multiprocessing
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import numpy as np

from app.domain.problem import Direction, Task
from app.domain.project import Learner, LearnerKind, Search
from app.domain.states import TrialState
from app.learning.learners import Columns, Question, fit
from app.learning.search.folds import at_random
from app.learning.search.study import Candidate, Tried, best_of, hopeless, reason_to_stop, suggest
from app.learning.search.trial import Material, direction_of, run_trial, score
from benchmarks import Result

SPLITS = 3
TRIALS = 16
WITHIN = 0.01


@dataclass(frozen=True)
class Subject:
    """A data set, how it is judged, and the learners that are searched."""

    name: str
    task: Task
    classes: int
    metric: str
    learners: tuple[LearnerKind, ...]


SUBJECTS = (
    Subject("breast_cancer", Task.BINARY, 2, "auc", ("logistic", "lightgbm", "mlp")),
    Subject("wine", Task.MULTICLASS, 3, "accuracy", ("logistic", "forest", "mlp")),
    Subject("diabetes", Task.REGRESSION, 0, "rmse", ("linear", "lightgbm", "mlp")),
)


def run() -> list[Result]:
    """Our metric, the reference's, and by what share ours is worse (negative: better); bar: 1 %."""
    results = []
    jobs = [(subject, seed) for subject in SUBJECTS for seed in range(SPLITS)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(_one, *zip(*jobs, strict=True)))
    for at, subject in enumerate(SUBJECTS):
        ours, theirs = np.mean(found[at * SPLITS : (at + 1) * SPLITS], axis=0)
        is_higher = direction_of(subject.metric) is Direction.HIGHER
        worse = (theirs - ours if is_higher else ours - theirs) / theirs
        results += [
            Result(f"{subject.name}: {subject.metric}, ours", float(ours), ""),
            Result(f"{subject.name}: {subject.metric}, tuned reference", float(theirs), ""),
            Result(f"{subject.name}: worse by", 100 * float(worse), "%", 100 * WITHIN, bool(worse <= WITHIN)),
        ]
    return results


def _one(subject: Subject, seed: int) -> tuple[float, float]:
    import sklearn.datasets
    from sklearn.model_selection import train_test_split

    data = getattr(sklearn.datasets, f"load_{subject.name}")()
    stratify = data.target if subject.classes else None
    rows, test, target, truth = train_test_split(
        data.data, data.target.astype(float), test_size=0.3, random_state=seed, stratify=stratify
    )
    question = Question(subject.task, subject.classes)
    begun = time.perf_counter()
    ours = _ours(subject, question, np.asfortranarray(rows), target, np.asfortranarray(test), truth)
    middle = time.perf_counter()
    theirs = score(subject.metric, question, truth, _reference(subject, rows, target, test))
    took = f"ours {ours:.4f} in {middle - begun:.0f} s, reference {theirs:.4f} in {time.perf_counter() - middle:.0f} s"
    print(f"  {subject.name}, split {seed}: {took}", file=sys.stderr, flush=True)
    return ours, theirs


def _ours(subject: Subject, question: Question, rows: Any, target: Any, test: Any, truth: Any) -> float:
    """Search by our rules, train the best trial on all training rows, judge."""
    search, learner = Search(learners=subject.learners, trials=TRIALS, folds=5), Learner(rounds=200)
    columns = Columns(tuple(f"c{at}" for at in range(rows.shape[1])))
    folds = at_random(len(target), search, target if subject.classes else None)
    direction = direction_of(subject.metric)
    material = Material(question, subject.metric, columns, rows, target, folds)
    history: list[Tried] = []
    while not reason_to_stop(history, search, direction, 0.0):
        candidate = suggest(history, search, learner, direction)
        curve: list[tuple[float, float]] = []

        def go_on(share: float, value: float, candidate: Candidate = candidate, curve: Any = curve) -> bool:
            curve.append((share, value))
            return not hopeless(history, candidate.learner, curve, direction)

        outcome = run_trial(material, candidate, go_on)
        state = TrialState.PRUNED if outcome.pruned else TrialState.COMPLETED
        history.append(
            Tried(len(history), candidate, state, outcome.value, outcome.standard_error, outcome.rounds, outcome.curve)
        )
    best = best_of(history, search, direction, rows.shape[1])
    assert best is not None
    chosen = best.candidate.as_learner()
    if chosen.kind == "mlp":
        chosen = chosen.model_copy(update={"parameters": {**chosen.parameters, "epochs": best.rounds}})
    elif chosen.kind == "lightgbm":
        chosen = chosen.model_copy(update={"rounds": best.rounds})
    fitted = fit(subject.task, rows, target, learner=chosen, classes=subject.classes, threads=1)
    return score(subject.metric, question, truth, _answers(fitted, question, test))


def _answers(fitted: Any, question: Question, test: Any) -> Any:
    if fitted.format == "skops":
        from app.learning.learners.stored import answers, load

        return answers(load(fitted.content), test, question.task, question.classes)
    import lightgbm

    return lightgbm.Booster(model_str=fitted.content.decode()).predict(test)


def _reference(subject: Subject, rows: Any, target: Any, test: Any) -> Any:
    """The best of scikit-learn's own grids by five-fold cross-validation on the training rows."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    scoring = {"auc": "roc_auc", "accuracy": "accuracy", "rmse": "neg_root_mean_squared_error"}[subject.metric]
    if subject.classes:
        grids = [
            (make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
             {"logisticregression__C": np.logspace(-3, 2, 11)}),
            (make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)),
             {"svc__C": [0.3, 1, 3, 10], "svc__gamma": ["scale", 0.01, 0.003]}),
            (GradientBoostingClassifier(random_state=0), {"learning_rate": [0.05, 0.1], "max_depth": [2, 3]}),
        ]  # fmt: skip
    else:
        grids = [
            (make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": np.logspace(-2, 3, 16)}),
            (make_pipeline(StandardScaler(), SVR()), {"svr__C": [1, 10, 30, 100], "svr__gamma": ["scale", 0.01]}),
            (GradientBoostingRegressor(random_state=0), {"learning_rate": [0.02, 0.05], "max_depth": [2, 3]}),
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [GridSearchCV(model, grid, scoring=scoring, cv=5).fit(rows, target) for model, grid in grids]
    best = max(found, key=lambda one: float(one.best_score_))
    if not subject.classes:
        return np.asarray(best.predict(test))
    shares = np.asarray(best.predict_proba(test))
    return shares[:, 1] if subject.classes == 2 else shares


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result.__dict__))
