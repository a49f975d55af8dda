"""A search as a person sees it: trials as rows, the test window unseen, resumed alike, trained from."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.states import TrialState
from app.domain.workspace import Workspace
from app.services import experiments
from app.services.experiments import Searched
from app.services.experiments.choosing import chosen_learner
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.queries import trials as queries
from app.store.tables import AuditEvent, Experiment, FeatureSet, LineageEdge, MetricPoint, Model, Trial
from tests.learning.made import FEATURES, PROJECT, make_feature_set, make_frame, make_project
from tests.once import once

SEARCH = """
[search]
learners = ["lightgbm", "logistic"]
trials = 4
folds = 2
"""
FRAME = make_frame(1200)


@pytest.fixture
def project(workspace: Workspace) -> OpenProject:
    """A committed project that searches."""
    return make_project(workspace, PROJECT + SEARCH)


def search_on(store: Store, project: OpenProject, frame: pd.DataFrame = FRAME, **parameters: Any) -> Searched:
    """Run every stage of an experiment but the pull; a resumed one takes the first feature set."""
    with running(store, project, "experiment", stages=4, parameters=parameters) as run:
        with run.task("pull"):
            pulled = replace(make_feature_set(run), frame=frame, features=FEATURES)
            if "resume" in parameters:
                with store.read() as session:
                    first = session.execute(select(func.min(col(FeatureSet.id)))).scalar_one()
                pulled = replace(pulled, feature_set_id=first)
        with run.task("split") as task:
            divided = experiments.split(task, pulled)
        with run.task("fold") as task:
            opened = experiments.open_search(task, pulled, divided)
        with run.task("search") as task:
            return experiments.search(task, opened, divided)


def searched(store: Store, project: OpenProject, **parameters: Any) -> Searched:
    """A search on the frame that has been, for tests that ask what comes after it."""
    asked = (project.text, sorted(parameters.items()), FRAME)
    return once(store, lambda: search_on(store, project, **parameters), *asked)


def configurations(store: Store, key: str) -> list[tuple[object, ...]]:
    """What was tried and what it came to."""
    row = queries.experiment(store.reader, key)
    return [(t.number, t.state, t.learner, t.parameters, t.value) for t in queries.trials(store.reader, row.id)]


def test_trials_are_rows_with_baselines_first_and_the_best_is_named_with_its_error(
    store: Store, project: OpenProject
) -> None:
    found = search_on(store, project)

    row = queries.experiment(store.reader, found.key)
    trials = queries.trials(store.reader, row.id)
    assert [t.learner for t in trials[:4]] == ["dummy", "naive", "lightgbm", "logistic"]
    assert len(trials) == found.trials == 6
    assert all(t.state == "completed" and len(t.fold_values) == 2 and t.curve for t in trials)
    assert found.value == max(t.value for t in trials if t.value is not None) == row.best_value
    assert found.standard_error is not None
    assert row.ended
    assert row.stopped == "4 trials are done"
    assert found.first_value == trials[2].value
    with store.read() as session:
        actions = set(session.execute(select(AuditEvent.action)).scalars())  # type: ignore[call-overload]
    assert "experiment.started" in actions


def test_the_test_window_is_never_looked_at(store: Store, project: OpenProject) -> None:
    other = FRAME.copy()
    newest = other["at"] > other["at"].max() - pd.DateOffset(months=1)
    other.loc[newest, "late"] = ~other.loc[newest, "late"].astype(bool)
    other.loc[newest, "wind"] = 0.0

    first, second = searched(store, project), search_on(store, project, other)

    assert configurations(store, first.key) == configurations(store, second.key)


def test_a_killed_search_goes_on_after_its_last_finished_trial_as_if_it_had_never_ended(
    store: Store, project: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.services.experiments import searching

    whole = searched(store, project)
    judge: Callable[..., Any] = searching._judged

    def end_at_four(number: int, *rest: Any) -> Any:
        if number == 4:
            raise KeyboardInterrupt
        return judge(number, *rest)

    monkeypatch.setattr(searching, "_judged", end_at_four)
    with pytest.raises(KeyboardInterrupt):
        search_on(store, project)
    monkeypatch.undo()
    killed = queries.experiments(store.reader)[0]
    states = [t.state for t in queries.trials(store.reader, killed.id)]
    done = [t for t in queries.trials(store.reader, killed.id) if t.state == "completed"]
    assert killed.best_value == max(t.value for t in done if t.value is not None), "not the best so far"
    with store.write() as session:
        for row in session.execute(select(Experiment)).scalars():
            row.feature_set_id = 1

    resumed = search_on(store, project, resume=killed.key)

    assert states == ["completed"] * 4 + ["lost"]
    assert resumed.key == killed.key
    assert configurations(store, resumed.key) == configurations(store, whole.key)
    assert resumed.best == whole.best
    runs = [t.run for t in queries.trials(store.reader, killed.id)]
    assert len(set(runs)) == 2
    assert queries.experiment(store.reader, runs[-1]).key == killed.key


def test_a_search_on_other_rows_or_settings_is_not_resumed(
    store: Store, project: OpenProject, workspace: Workspace
) -> None:
    found = searched(store, project)
    wider = make_project(workspace, PROJECT + SEARCH.replace("folds = 2", "folds = 3"))
    other = make_project(workspace, PROJECT + SEARCH.replace("trials = 4", "trials = 4\nrule = 'one_standard_error'"))

    with pytest.raises(Refused, match="other folds"):
        search_on(store, wider, resume=found.key)
    with pytest.raises(Refused, match="other settings"):
        search_on(store, other, resume=found.key)
    with pytest.raises(Refused, match="another split"):
        search_on(store, project, FRAME.iloc[:-50], resume=found.key)
    with pytest.raises(NotFound, match="no search"):
        search_on(store, project, resume="zzzz")


def test_more_trials_are_added_to_a_search_that_has_ended(store: Store, project: OpenProject) -> None:
    first = search_on(store, project, trials=2)

    more = search_on(store, project, trials=5, resume=first.key)

    assert (first.trials, more.trials) == (4, 7)
    assert queries.experiment(store.reader, first.key).wanted == 5


def test_a_training_from_a_search_takes_its_best_trial_and_gives_the_same_model_twice(
    store: Store, project: OpenProject
) -> None:
    found = searched(store, project)
    contents = []

    for _ in range(2):
        with running(store, project, "train", stages=3, parameters={"from": found.key, "trial": 2}) as run:
            with run.task("pull"):
                pulled = replace(make_feature_set(run), frame=FRAME, features=FEATURES)
            with run.task("split") as task:
                divided = experiments.split(task, pulled)
            with run.task("fit") as task:
                fitted = experiments.fit(task, pulled, divided).fitted
            best = chosen_learner(replace(run, parameters={"from": found.key}))
        contents.append(fitted.content)

    untuned = queries.trials(store.reader, queries.experiment(store.reader, found.key).id)[2]
    assert fitted.learner == "lightgbm"
    assert fitted.rounds == untuned.rounds
    assert contents[0] == contents[1]
    assert best.trial == found.best
    assert best.learner.kind == found.learner
    with store.read() as session:
        edges = {(e.from_kind, e.kind) for e in session.execute(select(LineageEdge)).scalars()}
        points = session.execute(select(func.count()).select_from(MetricPoint)).scalar_one()
        models = session.execute(select(func.count()).select_from(Model)).scalar_one()
    assert ("run", "configured") in edges
    assert points > 0
    assert models == 0


@pytest.mark.parametrize(
    ("parameters", "error", "says"),
    [
        ({"from": "zzzz"}, NotFound, "no search"),
        ({"trial": 3}, BadInput, "without a search"),
        ({"from": "KEY", "trial": 99}, NotFound, "no trial 99"),
        ({"from": "KEY", "trial": 1}, Refused, "failed"),
    ],
)
def test_a_trial_that_cannot_be_trained_from_is_refused(
    store: Store, project: OpenProject, parameters: dict[str, Any], error: type[Exception], says: str
) -> None:
    found = searched(store, project, trials=1)
    with store.write() as session:
        row = session.get_one(Trial, (1, 1))
        row.state, row.value = TrialState.FAILED, None
    wanted = {key: found.key if value == "KEY" else value for key, value in parameters.items()}

    with running(store, project, "train", stages=1, parameters=wanted) as run, pytest.raises(error, match=says):
        chosen_learner(run)


def test_a_learner_that_fails_is_a_row_with_its_reason_and_the_search_goes_on(
    store: Store, workspace: Workspace
) -> None:
    space = "[search.spaces.lightgbm]\nnum_leaves = 1\n[search.spaces.logistic]\nC = [0.1, 1.0]\n"
    project = make_project(workspace, PROJECT + SEARCH.replace("trials = 4", "trials = 8") + space)

    found = search_on(store, project)

    trials = queries.trials(store.reader, queries.experiment(store.reader, found.key).id)
    failed = [t for t in trials if t.state == "failed"]
    assert failed
    assert all("num_leaves" in t.says and t.value is None for t in failed)
    assert found.best is not None
    assert trials[found.best].state == "completed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"late": True}, "always 'true'"),
        ({"wind": "calm"}, "'calm'"),
    ],
)
def test_bad_rows_end_the_search_before_its_first_trial(
    store: Store, project: OpenProject, change: dict[str, Any], says: str
) -> None:
    frame = FRAME.astype({"late": object, "wind": object}).assign(**change)

    with pytest.raises(BadInput, match=says):
        search_on(store, project, frame)

    with store.read() as session:
        assert session.execute(select(func.count()).select_from(Trial)).scalar_one() == 0


def test_a_learner_that_does_not_answer_the_task_is_named_before_anything_is_tried(
    store: Store, workspace: Workspace
) -> None:
    project = make_project(workspace, PROJECT + SEARCH.replace('"logistic"', '"linear"'))

    with pytest.raises(BadInput, match="linear answers no classes"):
        search_on(store, project)


def test_a_regression_to_a_quantile_is_searched_by_its_pinball_loss(store: Store, workspace: Workspace) -> None:
    text = PROJECT.replace('task = "binary"', 'task = "regression"\nquantile = 0.9\nmetric = "mae"')
    project = make_project(workspace, text + SEARCH.replace('"logistic"', '"linear"'))
    frame = FRAME.assign(late=FRAME["hour"] + np.nan_to_num(FRAME["wind"]))

    found = search_on(store, project, frame)

    assert found.value is not None
    assert queries.experiment(store.reader, found.key).direction == "lower"
    assert found.value < float(found.first_value or 0) + 1e-9
