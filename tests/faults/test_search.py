"""A search that is killed anywhere loses at most the trial that runs; resumed, it ends as one that was never killed."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.domain.workspace import Workspace
from app.services import experiments
from app.services.experiments import Searched
from app.services.running import running
from app.services.workspaces import OpenProject, open_project, open_store
from app.store.engine import Store
from app.store.queries import trials as queries
from app.store.tables import Experiment, FeatureSet
from tests.learning.made import FEATURES, PROJECT, make_feature_set, make_frame, make_project

SPAWN = multiprocessing.get_context("spawn")
SEARCH = '\n[search]\nlearners = ["lightgbm", "logistic"]\ntrials = 5\nfolds = 2\n'
MARK = "TRAINMASTER_DOOMED"
POINTS = 20
"""Kills: after so many writes of the search, one point after the other."""


def search_on(store: Store, project: OpenProject, **parameters: object) -> Searched:
    """Run every stage of an experiment but the pull, on the first feature set."""
    with running(store, project, "experiment", stages=4, parameters=parameters) as run:
        with run.task("pull"):
            pulled = replace(make_feature_set(run), frame=make_frame(600), features=FEATURES)
            with store.read() as session:
                first = session.execute(select(func.min(col(FeatureSet.id)))).scalar_one()
            pulled = replace(pulled, feature_set_id=first)
        with run.task("split") as task:
            divided = experiments.split(task, pulled)
        with run.task("fold") as task:
            opened = experiments.open_search(task, pulled, divided)
        with run.task("search") as task:
            return experiments.search(task, opened, divided)


def doomed(root: Path, at: int) -> None:
    """Search in this process until its write number `at` after the search has begun, and die in the middle of it."""
    from app.services.experiments import searching

    os.environ[MARK] = str(root)
    with open_store(Workspace(root)) as store:
        write, count = store.write, [0]

        def counted(*args: object, **named: object) -> object:
            count[0] += 1
            if count[0] > at:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*args, **named)  # type: ignore[arg-type]

        real = searching.search

        def search(*args: object) -> Searched:
            store.write = counted  # type: ignore[method-assign,assignment]
            return real(*args)  # type: ignore[arg-type]

        experiments.search = search  # type: ignore[assignment]
        search_on(store, open_project(Workspace(root), "late"))


def tried(store: Store, key: str) -> list[tuple[object, ...]]:
    """What was tried and what it came to."""
    row = queries.experiment(store.reader, key)
    return [(t.number, t.state, t.learner, t.parameters, t.value) for t in queries.trials(store.reader, row.id)]


def children_of(root: Path) -> list[int]:
    """Processes that run trials of the doomed search in a workspace, whoever else searches on this machine."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(root) and "search.child" in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    "at", [5 if point == 2 else pytest.param(2 * point + 1, marks=pytest.mark.faults) for point in range(POINTS)]
)
def test_a_killed_search_loses_at_most_the_running_trial(store: Store, workspace: Workspace, at: int) -> None:
    project = make_project(workspace, PROJECT + SEARCH)

    process = SPAWN.Process(target=doomed, args=(workspace.root, at))
    process.start()
    process.join(120)

    assert process.exitcode in (-signal.SIGKILL, 0)
    until = time.monotonic() + 5
    while left_over := children_of(workspace.root):
        assert time.monotonic() < until, f"the child of a killed search goes on: {left_over}"
        time.sleep(0.1)
    with store.read() as session:
        key = session.execute(select(col(Experiment.key))).scalars().one()
    left = tried(store, key)
    assert [entry[0] for entry in left] == list(range(len(left)))
    finished = [entry for entry in left if entry[1] not in ("lost", "running")]
    assert len(left) - len(finished) <= 1
    resumed = search_on(store, project, resume=key)
    assert resumed.key == key
    assert tried(store, key)[: len(finished)] == finished
    whole = search_on(store, project)
    assert tried(store, key) == tried(store, whole.key)
    assert resumed.best == whole.best
