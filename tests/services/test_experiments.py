"""Training from labelled rows to a registered version: the same twice, honest against production, nothing half-made."""

import json

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.states import RunState, Stage
from app.domain.workspace import Workspace
from app.learning.loader import LoadedModel, check_in_child
from app.learning.signature import Feature
from app.services import experiments, registry
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Artifact, GateResult, LineageEdge, Metric, MetricPoint, ModelVersion, Parameter, Run, Task
from tests.learning.made import FEATURES, PROJECT, make_frame, make_project, train_on


@pytest.fixture
def project(workspace: Workspace) -> OpenProject:
    """A committed project."""
    return make_project(workspace)


def count(store: Store, table: type) -> int:
    """How many rows a table has."""
    with store.read() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_version_is_registered_with_everything_it_came_from(store: Store, project: OpenProject) -> None:
    done, evaluated = train_on(store, project, make_frame())

    with store.read() as session:
        version = registry.find_version(session, "late", 1)
        package = registry.package_of(session, version)
        profile = json.loads(artifacts.get(session, version.profile))
        edges = {(e.from_kind, e.to_kind, e.kind) for e in session.execute(select(LineageEdge)).scalars()}
        metrics = {row.key: row.value for row in session.execute(select(Metric)).scalars()}
        parameters = {row.key for row in session.execute(select(Parameter)).scalars()}
        outputs = [json.loads(task.outputs) for task in session.execute(select(Task).order_by(Task.id)).scalars()]  # type: ignore[arg-type]
    assert done.failing == ()
    assert version.stage is Stage.STAGING
    assert version.digest == package.manifest["digest"] == done.digest
    assert edges == {
        ("features", "run", "trained_on"),
        ("features", "training_set", "drawn_from"),
        ("training_set", "run", "learned_from"),
        ("run", "model", "produced"),
        ("commit", "run", "code"),
    }
    assert metrics["auc"] == evaluated.metrics["auc"] > 0.6
    assert metrics["baseline.auc"] == 0.5
    assert any(key.startswith("slice.carrier=UA.") for key in metrics)
    assert parameters >= {"seed", "rounds", "learning_rate", "num_threads", "split.digest"} - {"learning_rate"}
    assert profile["rows"] == package.manifest["rows"]["train"]
    assert outputs[-1] == ["model:late/1"]
    assert count(store, MetricPoint) > 10
    assert check_in_child(package).ok


def test_the_profile_holds_shares_that_sum_to_one(store: Store, project: OpenProject) -> None:
    _, evaluated = train_on(store, project, make_frame())

    features = evaluated.profile["features"]

    assert isinstance(features, dict)
    assert sum(features["hour"]["shares"]) + features["hour"]["missing"] == pytest.approx(1)
    assert sum(features["wind"]["shares"]) + features["wind"]["missing"] == pytest.approx(1)
    assert 0.05 < features["wind"]["missing"] < 0.15
    carrier = features["carrier"]
    assert sum(carrier["shares"].values()) + carrier["other"] + carrier["missing"] == pytest.approx(1)
    assert sum(evaluated.profile["score"]["shares"]) == pytest.approx(1)  # type: ignore[index]


def test_the_same_input_twice_gives_the_same_digest_and_metrics(store: Store, project: OpenProject) -> None:
    first, _ = train_on(store, project, make_frame())
    second, _ = train_on(store, project, make_frame())

    assert (first.version, second.version) == (1, 2)
    assert (first.digest, first.metrics) == (second.digest, second.metrics)


def test_production_is_scored_on_the_challengers_rows_and_a_worse_challenger_fails_its_gate(
    store: Store, workspace: Workspace
) -> None:
    project = make_project(workspace, PROJECT.replace("production = -1.0", "production = -0.01"))
    train_on(store, project, make_frame(), parameters={"rounds": 60})
    registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")
    noise = make_frame().assign(hour=1.0, wind=1.0)
    frame = make_frame()
    newest = frame["at"] >= "2013-03-01"

    done, evaluated = train_on(store, project, pd.concat([noise[~newest], frame[newest]]))

    assert evaluated.production_version == 1
    assert evaluated.production is not None
    assert evaluated.production["auc"] > evaluated.metrics["auc"]
    assert "production" in done.failing
    with store.read() as session:
        version = registry.find_version(session, "late", 2)
        verdict = session.get_one(GateResult, (version.id, "production"))
    assert not verdict.passed
    assert "v1 in production" in verdict.says


def test_production_that_needs_a_feature_which_is_gone_is_scored_without_it_and_says_so(
    store: Store, project: OpenProject
) -> None:
    train_on(store, project, make_frame())
    registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")

    _, evaluated = train_on(store, project, make_frame().drop(columns="wind"), features=(FEATURES[0], FEATURES[2]))

    says = next(gate.says for gate in evaluated.gates if gate.gate == "production")
    assert "without wind" in says


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"late": True}, "always 'true'"),
        ({"late": None}, "always missing"),
        ({"hour": "noon"}, "'noon'"),
        ({"id": "one"}, "stands in the training and in the test rows"),
        ({"at": pd.Timestamp("2013-01-05", tz="UTC")}, "newest month"),
    ],
)
def test_bad_data_fails_the_run_and_registers_nothing(
    store: Store, project: OpenProject, change: dict[str, object], says: str
) -> None:
    frame = make_frame(400).astype({"hour": object, "late": object}).assign(**change)  # type: ignore[arg-type]

    with pytest.raises(BadInput, match=says) as caught:
        train_on(store, project, frame)

    assert caught.value.next_step
    assert count(store, ModelVersion) == count(store, Metric) == 0
    with store.read() as session:
        kinds = set(session.execute(select(Artifact.kind)).scalars())  # type: ignore[call-overload]
        assert kinds <= {"lock", "diff"}
        run = session.execute(select(Run)).scalars().one()
    assert run.state is RunState.FAILED
    assert run.next_step


def test_one_class_in_the_test_window_is_refused(store: Store, project: OpenProject) -> None:
    frame = make_frame(600)
    frame.loc[frame["at"] >= "2013-02-20", "late"] = False

    with pytest.raises(BadInput, match="test rows have one class"):
        train_on(store, project, frame)


def test_a_target_or_feature_that_is_not_there_is_named(store: Store, project: OpenProject) -> None:
    with pytest.raises(BadInput, match="target late"):
        train_on(store, project, make_frame(300).drop(columns="late"))
    with pytest.raises(BadInput, match="no feature gust"):
        train_on(store, project, make_frame(300), features=(*FEATURES, Feature("gust", "number")))


def test_infinities_and_an_all_missing_feature_train_and_are_said(store: Store, project: OpenProject) -> None:
    frame = make_frame().assign(nothing=np.nan)
    frame.loc[5, "wind"] = np.inf

    done, evaluated = train_on(store, project, frame, features=(*FEATURES, Feature("nothing", "number")))

    answers = LoadedModel(evaluated.package).predict(
        [{"hour": 9, "wind": float("inf"), "carrier": "never seen", "nothing": 1}]
    )
    assert done.version == 1
    assert np.isfinite(answers).all()


def test_ten_rows_end_in_a_version_that_fails_its_gates_or_a_clear_refusal(store: Store, workspace: Workspace) -> None:
    random = make_project(workspace, PROJECT.replace('kind = "time"\ngap_hours = 24', 'kind = "random"'))
    frame = make_frame(10).assign(late=[True, False] * 5)

    done, _ = train_on(store, random, frame)

    assert "baseline" in done.failing


def test_a_learner_that_hangs_ends_the_run_with_its_reason_and_registers_nothing(
    store: Store, workspace: Workspace
) -> None:
    hangs = PROJECT.replace("rounds = 12", 'kind = "mlp"\nminutes = 0.01').replace(
        "num_threads = 1", "epochs = 10000000"
    )

    with pytest.raises(Refused, match=r"not done after 0\.6 s"):
        train_on(store, make_project(workspace, hangs), make_frame(300))

    with store.read() as session:
        run = session.execute(select(Run)).scalar_one()
        fit = session.execute(select(Task).where(Task.name == "fit")).scalar_one()  # type: ignore[arg-type]
    assert (run.state, run.next_step[:19]) == (RunState.FAILED, "set learner.minutes")
    assert "not done after 0.6 s" in run.error
    assert "not done after 0.6 s" in fit.error
    assert count(store, ModelVersion) == 0


@pytest.mark.parametrize("rounds", [0, -1, "7", True, 1.5, 10**9])
def test_a_parameter_that_is_no_number_of_rounds_is_refused(store: Store, project: OpenProject, rounds: object) -> None:
    with pytest.raises(BadInput, match="rounds"):
        train_on(store, project, make_frame(300), parameters={"rounds": rounds})


@pytest.mark.parametrize(("task", "metric"), [("multiclass", "accuracy"), ("regression", "rmse")])
def test_other_tasks_train_register_promote_and_beat_their_baseline(
    store: Store, workspace: Workspace, task: str, metric: str
) -> None:
    text = PROJECT.replace('task = "binary"', f'task = "{task}"\nmetric = "{metric}"')
    project = make_project(workspace, text)
    frame = make_frame()
    number = frame["hour"] + np.nan_to_num(frame["wind"])
    target = pd.cut(number, 3, labels=["low", "mid", "high"]) if task == "multiclass" else number

    done, evaluated = train_on(store, project, frame.assign(late=target), parameters={"rounds": 30})
    switched = registry.promote_here(store, project, "late", 1, by="ana", reason="first", typed_name="late")

    assert done.failing == ()
    assert switched.version == 1
    assert evaluated.metrics[metric] != evaluated.baseline[metric]


def test_features_that_were_never_built_are_named_with_the_command(store: Store, project: OpenProject) -> None:
    with (
        running(store, project, "train", stages=5) as run,
        store.read() as session,
        pytest.raises(NotFound, match="no version of the features") as caught,
    ):
        experiments.find_feature_set(session, run.project_id, "late", None)

    assert "features build" in (caught.value.next_step or "")
