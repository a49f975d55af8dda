"""What each view earns and costs: a view that says nothing earns nothing, one that says much earns it clearly."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select

from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.learning.signature import Feature
from app.services import experiments
from app.services.experiments.ablating import Ablated, ablate
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.tables import Metric, ModelVersion
from tests.learning.made import FEATURES, make_feature_set, make_frame, make_project


def leave_out(store: Store, project: OpenProject, features: tuple[Feature, ...]) -> Ablated:
    """Ablate on made rows, with a column of noise."""
    frame = make_frame(2500).assign(noise=lambda f: np.random.default_rng(4).normal(size=len(f)))
    with running(store, project, "ablate", stages=3) as run:
        with run.task("pull"):
            pulled = replace(make_feature_set(run), frame=frame, features=features)
        with run.task("split") as task:
            divided = experiments.split(task, pulled)
        with run.task("ablate") as task:
            return ablate(task, divided)


def test_a_view_earns_what_its_absence_costs(store: Store, workspace: Workspace) -> None:
    features = (*FEATURES, Feature("noise", "number", "noise"))

    done = leave_out(store, make_project(workspace), features)

    by_view = {one.view: one for one in done.views}
    assert done.views[0].view == "schedule"
    assert by_view["schedule"].verdict.significant is True
    assert by_view["noise"].verdict.significant is not True
    assert by_view["schedule"].verdict.gain == pytest.approx(done.value - by_view["schedule"].value)
    with store.read() as session:
        metrics = {row.key: row.value for row in session.execute(select(Metric)).scalars()}
        assert session.execute(select(ModelVersion)).first() is None
    assert metrics["view.schedule.earns.low"] > 0
    assert {"auc", "seconds", "without.noise.auc", "without.noise.seconds", "view.noise.earns"} <= set(metrics)
    assert "noise" in done.says


def test_the_only_view_cannot_be_left_out(store: Store, workspace: Workspace) -> None:
    features = tuple(replace(feature, view="all") for feature in FEATURES)

    with pytest.raises(BadInput, match="one view only"):
        leave_out(store, make_project(workspace), features)
