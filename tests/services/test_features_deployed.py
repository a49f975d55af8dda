"""A source that loses, gains or retypes a column: the deployed model keeps its features, and everybody is told."""

import json

import pytest

from app.domain.errors import Refused
from app.domain.problem import Task
from app.domain.states import DeploymentState
from app.domain.workspace import Workspace
from app.learning.signature import Feature, Signature
from app.services.features import OnlineReader
from app.services.workspaces import now
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Deployment, Model, ModelVersion
from tests.data.connectors.made import log_of
from tests.services.made import CODE, build, deliver, homes, take_in
from tests.services.test_features_online import publish

TAKEN = (
    Feature("size", "number", "facts"),
    Feature("kind", "category", "facts", ("bonn", "ulm")),
    Feature("rate", "number", "rates_in_town"),
)


def deploy(store: Store, feature_set_id: int) -> None:
    """A deployed model that takes the features of the homes."""
    signature = Signature(Task.REGRESSION, "price", TAKEN)
    moment = now()
    with store.write() as session:
        model = Model(name="homes", project_id=1, created_at=moment)
        session.add(model)
        session.flush()
        assert model.id is not None
        manifest, other = (
            artifacts.put(session, content, kind="manifest", media_type="application/json", now=moment)
            for content in (json.dumps({"signature": signature.as_json()}).encode(), b"other")
        )
        version = ModelVersion(
            model_id=model.id, version=1, run_id=1, feature_set_id=feature_set_id, digest="d" * 64, model_bytes=other,
            manifest=manifest, canary=other, profile=other, created_at=moment,
        )  # fmt: skip
        session.add(version)
        session.flush()
        assert version.id is not None
        session.add(
            Deployment(
                key="deployed", project_id=1, version_id=version.id, state=DeploymentState.ACTIVE, verdict="",
                created_at=moment, changed_at=moment,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (CODE.replace('["home", "size"]', '["home"]'), "needs size, which is gone"),
        (CODE.replace('homes["town"]', "1.0"), r"needs kind as it was \(another type now\)"),
    ],
    ids=["lost", "retyped"],
)
def test_features_that_lack_what_the_deployed_model_takes_do_not_go_online(
    workspace: Workspace, store: Store, code: str, words: str
) -> None:
    project = homes(workspace)
    take_in(store, project)
    deploy(store, build(store, project).id)
    publish(store, project)
    changed = homes(workspace, code=code)

    built = build(store, changed)
    with pytest.raises(Refused, match=words):
        publish(store, changed)

    assert "the deployed model homes v1 needs" in built.says
    reader = OnlineReader.of(workspace)
    (found,) = reader.get("homes", {"home": "h1"}, view="facts")
    reader.close()
    assert found.values == {"size": 70.0, "kind": "ulm"}


def test_a_column_more_is_told_and_hinders_nothing(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    deploy(store, build(store, project).id)
    changed = homes(workspace, code=CODE.replace("assign(kind", "assign(rooms=2, kind"))

    build(store, changed)

    assert publish(store, changed).version == 2
    assert any("the deployed model homes v1 does not know rooms" in says for says in log_of(store))


def test_a_file_whose_columns_are_others_than_before_is_told_in_the_log(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    deliver(workspace, "rates/two.csv", "town,at,rate,colour\nulm,2013-01-06T00:00:00Z,3,red\n")
    deliver(workspace, "rates/three.csv", "town,at,colour\nulm,2013-01-07T00:00:00Z,4\n")

    take_in(store, project, "rates")

    told = [says.rpartition("/")[2] for says in log_of(store) if "has other columns" in says]
    assert told[0] == "three.csv has other columns than before: rate is gone; colour is new"
    assert told[1].startswith("two.csv has other columns than before: rate is new; colour was ")
