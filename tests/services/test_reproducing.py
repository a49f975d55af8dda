"""A run made again: identical, or where it went another way, with the first difference."""

import json
import subprocess

import pytest
from sqlmodel import select

from app.domain.errors import Refused
from app.domain.workspace import Workspace
from app.services import reproducing
from app.services.reproducing.verdict import ORDER, Step, judge
from app.services.workspaces import now
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import AuditEvent, GateResult, Reproduction, Run
from flows.features import features
from flows.train import train
from tests.learning.made import PROJECT, make_project
from tests.learning.test_flows import FEATURES, built, place

__all__ = ["built", "place"]
pytestmark = pytest.mark.services


def train_again(store: Store, place: Workspace, **parameters: object) -> str:
    """Train, and give the run's key."""
    train("late", workspace=str(place.root), parameters=parameters)
    with store.read() as session:
        return session.exec(select(Run).where(Run.flow == "train").order_by(Run.id.desc())).first().key  # type: ignore[union-attr]


def test_a_run_of_uncommitted_code_comes_out_identical_and_opens_its_gate(store: Store, place: Workspace) -> None:
    make_project(place, PROJECT.replace("[gates]\n", "[gates]\nreproducible = true\nclean_commit = false\n"))
    place.features_file("late").write_text(FEATURES.replace('"wind", "carrier"', '"carrier", "wind"'))
    features("late", workspace=str(place.root))
    key = train_again(store, place, rounds=6)

    found = reproducing.reproduce(store, place, key, by="ana")

    assert (found.verdict, found.first_difference) == ("identical", None)
    assert [step.step for step in found.steps] == list(ORDER)
    assert "not committed" in found.steps[1].says
    with store.read() as session:
        assert session.exec(select(Reproduction)).one().verdict == "identical"
        assert session.exec(select(AuditEvent).where(AuditEvent.action == "run.reproduced")).one().actor == "ana"
        gate = session.exec(select(GateResult).where(GateResult.gate == "reproducible")).one()
        assert gate.passed
    told = subprocess.run(
        ["git", "-C", str(place.root), "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert len(told.stdout.splitlines()) == 1


def test_a_feature_row_that_was_changed_by_hand_is_found_with_both_values(store: Store, place: Workspace) -> None:
    from deltalake import DeltaTable

    key = train_again(store, place, rounds=3)
    DeltaTable(str(place.features / "late" / "schedule")).update(updates={"wind": "77.0"}, predicate="id = 'id3'")

    found = reproducing.reproduce(store, place, key, by="ana")

    assert (found.verdict, found.step) == ("diverged", "features")
    difference = found.first_difference
    assert difference is not None
    assert (difference["view"], difference["keys"], difference["column"], difference["stored"]) == (
        "schedule", {"id": "id3"}, "wind", "77.0",
    )  # fmt: skip
    assert found.says.startswith("diverged at features: schedule: wind is 77.0")


def test_code_that_was_edited_and_not_built_is_said_with_the_line_that_differs(store: Store, place: Workspace) -> None:
    place.features_file("late").write_text(FEATURES.replace('"wind", "carrier"', '"carrier", "wind"'))
    key = train_again(store, place, rounds=3)

    found = reproducing.reproduce(store, place, key, by="ana")

    assert (found.verdict, found.step) == ("diverged", "features")
    assert found.first_difference is not None
    assert found.first_difference["tables"] == ["schedule"]
    assert '"wind", "carrier"' in str(found.first_difference["stored"])
    assert '"carrier", "wind"' in str(found.first_difference["rebuilt"])
    assert found.says.endswith("build the features, then train again")


def test_code_that_the_patch_does_not_carry_is_where_it_diverges(store: Store, place: Workspace) -> None:
    key = train_again(store, place, rounds=3)
    with store.write() as session:
        run = session.exec(select(Run).where(Run.key == key)).one()
        patch = b"# left out: projects/late/.env (its name says secret)\n"
        run.diff = artifacts.put(session, patch, kind="diff", media_type="text/x-diff", now=now())
        session.add(run)

    found = reproducing.reproduce(store, place, key, by="ana")

    assert (found.verdict, found.step) == ("diverged", "code")
    assert ".env" in found.says


def test_a_run_that_trained_nothing_is_refused(store: Store, place: Workspace) -> None:
    with store.read() as session:
        key = session.exec(select(Run).where(Run.flow == "ingest")).first().key  # type: ignore[union-attr]

    with pytest.raises(Refused, match="made no version"):
        reproducing.reproduce(store, place, key, by="ana")


def test_numbers_that_are_nearly_the_same_are_within_tolerance() -> None:
    steps = [Step(name, "same", "") for name in ORDER[:5]]
    steps += [Step("model", "differs", "line 9"), Step("metrics", "close", "auc"), Step("predictions", "same", "")]

    found = judge("a", steps, 1.0)

    assert (found.verdict, found.step) == ("tolerance", "model")
    assert json.dumps(found.tolerance["auc"]) == "0.0001"


def test_another_library_is_where_it_diverged_when_the_result_is_another() -> None:
    steps = [Step("environment", "differs", "numpy was 1, is 2"), *(Step(name, "same", "") for name in ORDER[1:5])]
    steps += [Step("model", "differs", "line 9"), Step("metrics", "differs", "auc"), Step("predictions", "same", "")]

    found = judge("a", steps, 1.0)

    assert (found.verdict, found.step) == ("diverged", "environment")
