"""Evaluation from rows to a version: every learner's format, calibration, explanation, and bad input in words."""

import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.learning.explain import explain
from app.learning.loader import LoadedModel
from app.services import registry
from app.services.experiments import explaining
from app.store.engine import Store
from app.store.queries.evaluation import evaluation_of, verdict_of
from app.store.tables import Metric, Parameter
from tests.learning.made import PROJECT, make_frame, make_project, train_on, version_on

RECORD: dict[str, object] = {"hour": 20, "wind": None, "carrier": "UA"}


def learner(text: str) -> str:
    """The project with another learner."""
    return PROJECT.partition("[learner]")[0] + text


def kept(store: Store) -> tuple[dict[str, float | None], dict[str, str]]:
    """Metrics and parameters of the only run."""
    with store.read() as session:
        metrics = {row.key: row.value for row in session.execute(select(Metric)).scalars()}
        return metrics, {row.key: row.value for row in session.execute(select(Parameter)).scalars()}


def test_a_version_keeps_its_verdict_intervals_and_importances(store: Store, workspace: Workspace) -> None:
    train_on(store, make_project(workspace), make_frame())

    found = evaluation_of(store.reader, "late", 1)

    metrics, parameters = kept(store)
    assert metrics["auc.low"] < metrics["auc"] < metrics["auc.high"]  # type: ignore[operator]
    assert "slice.carrier=UA.auc.low" in metrics
    assert found.verdict == parameters["verdict"]
    assert found.verdict.startswith("beats the baseline by ")
    assert found.verdict.endswith(": significant")
    assert found.blocks == "days"
    assert {one.feature for one in found.importance} == {"hour", "wind", "carrier"}
    assert sum(one.gain or 0 for one in found.importance) == pytest.approx(1)
    assert sum(one.rows for one in found.reliability) > 500


def test_a_challenger_is_compared_with_production_on_the_same_draws(store: Store, workspace: Workspace) -> None:
    project = make_project(workspace)
    train_on(store, project, make_frame())
    registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")

    _, evaluated = train_on(store, project, make_frame(), parameters={"rounds": 13})

    report: Any = evaluated.report["verdict"]
    assert "production v1 by " in evaluated.verdict
    assert report["low"] < report["gain"] < report["high"]
    assert report["significant"] is not (report["low"] < 0 < report["high"])
    assert report["high"] - report["low"] < 0.02  # far narrower than either interval alone: the draws are paired


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
def test_calibration_is_a_part_of_the_version_that_serves(store: Store, workspace: Workspace, method: str) -> None:
    text = PROJECT + f'[evaluation]\ncalibration = "{method}"\nresamples = 100\n'

    _, evaluated = train_on(store, make_project(workspace, text), make_frame(2000))

    _, package = registry.read_package(store, "late", 1)
    model = LoadedModel(package)
    assert package.manifest["calibration"]["method"] == method
    assert model.predict([RECORD]) != model.parsed.predict([20.0, float("nan"), 2.0], 1)
    assert all(gate.passed for gate in evaluated.gates if gate.gate == "package")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["logistic", pytest.param("naive", marks=pytest.mark.faults)])
def test_a_scikit_learn_model_is_packed_proven_and_explained(store: Store, workspace: Workspace, kind: str) -> None:
    project = make_project(workspace, learner(f'[learner]\nkind = "{kind}"\n'))
    _, evaluated = train_on(store, project, make_frame(2000))

    registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")

    found = explaining.explain_record(store, "late", None, RECORD)
    assert evaluated.package.manifest["format"] == "trainmaster.skops.v1"
    assert found.method == "occlusion"
    assert evaluation_of(store.reader, "late", 1).unknown["importance.shap"].startswith("unknown: ")


def test_contributions_sum_to_the_score_and_say_what_the_row_had(store: Store, workspace: Workspace) -> None:
    _, evaluated = version_on(store, make_project(workspace), make_frame())

    found = explain(LoadedModel(evaluated.package), RECORD)

    total = found.base + sum(one.contribution for one in found.reasons)
    assert total == pytest.approx(found.score, abs=1e-9)
    assert found.prediction == pytest.approx(1 / (1 + np.exp(-found.score)), abs=1e-12)
    assert {one.feature: one.value for one in found.reasons} == RECORD
    with pytest.raises(BadInput, match="no hour"):
        explain(LoadedModel(evaluated.package), {"wind": 1, "carrier": "UA"})


@pytest.mark.parametrize("text", ["", "[]", "{", "1", "[" * 100_000], ids=range(5))
def test_a_row_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="JSON object"):
        explaining.read_record(text)


def test_few_rows_and_small_slices_are_unknown_for_a_reason_and_nothing_is_nan(
    store: Store, workspace: Workspace
) -> None:
    frame = make_frame(60, seed=4).assign(wind=lambda f: f["wind"].where(f.index % 3 > 0, np.inf))
    text = PROJECT.replace('kind = "time"\ngap_hours = 24', 'kind = "random"').replace('event_time = "at"\n', "")
    text += "min_data_in_leaf = 2\n"

    train_on(store, make_project(workspace, text), frame)

    found = evaluation_of(store.reader, "late", 1)
    _, package = registry.read_package(store, "late", 1)
    assert "15 rows make 15 blocks" in found.unknown["auc interval"]
    assert any("fewer than 200" in why for why in found.unknown.values())
    assert "interval unknown" in found.verdict
    assert "NaN" not in json.dumps(dict(package.manifest))
    assert all(value is not None for value in kept(store)[0].values())


def test_a_quantile_is_judged_by_its_pinball_loss(store: Store, workspace: Workspace) -> None:
    text = PROJECT.replace('task = "binary"', 'task = "regression"\nquantile = 0.9')
    frame = make_frame(1500)
    frame["late"] = frame["hour"] * 1.0 + np.random.default_rng(1).gamma(2, 3, len(frame))

    _, evaluated = train_on(store, make_project(workspace, text), frame, parameters={"rounds": 60})

    assert {"pinball", "coverage", "rmse"} <= set(evaluated.metrics)
    assert evaluated.metrics["pinball"] < evaluated.baseline["pinball"]
    assert 0.75 < evaluated.metrics["coverage"] < 0.97
    assert "pinball" in evaluated.verdict


@pytest.mark.parametrize(
    ("state", "error", "parameters", "says"),
    [
        ("failed", "one class only", {}, "rejected: one class only"),
        ("completed", "", {"verdict": "beats"}, "beats"),
        ("running", "", {}, None),
    ],
)
def test_a_run_of_bad_data_is_rejected_in_words(
    state: str, error: str, parameters: dict[str, Any], says: str | None
) -> None:
    assert verdict_of(state, error, parameters) == says
