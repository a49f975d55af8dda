"""Garbage collection shows first, keeps what anything names, and is audited; the store is sound after it."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.domain.workspace import Workspace
from app.services import upkeep
from app.services.runs import archive, pin_baseline
from app.store import artifacts, ledger
from app.store.engine import Store
from app.store.queries import audit
from app.store.queries.runs import log_lines_of, metrics_of, points_of
from app.store.tables import Admission, Run
from tests.store.world import BEGIN, make_world

LATER = BEGIN + timedelta(days=30)


def put(store: Store, content: bytes) -> str:
    with store.write() as session:
        return artifacts.put(session, content, kind="thing", media_type="text/plain", now=BEGIN)


def test_only_artifacts_that_no_row_names_go(store: Store, workspace: Workspace) -> None:
    world = make_world(store)
    lost, mentioned = put(store, b"lost" * 1000), put(store, b"mentioned")
    with store.write() as session:
        session.connection().execute(
            update(Run).where(col(Run.key) == world.runs["train"]).values(parameters=f'{{"set": "{mentioned}"}}')
        )

    shown = upkeep.plan(store, now=LATER)
    before = store.reader.value("SELECT count(*) AS n FROM artifact")
    done = upkeep.collect(store, by="ana", now=LATER)

    assert [thing.key for thing in shown.free] == [lost]
    assert shown == done
    assert shown.size_bytes == 4000
    assert {thing.key: thing.why for thing in shown.kept}[mentioned] == "mentioned in parameters of a run"
    assert before - store.reader.value("SELECT count(*) AS n FROM artifact") == 1
    assert store.reader.value("SELECT count(*) AS n FROM chunk WHERE artifact = :d", {"d": lost}) == 0
    assert audit.events(store.reader, action="store.collected")[0].actor == "ana"
    problems = [p for p in upkeep.fsck(store, workspace.features, now=LATER).problems if "features" not in p.thing]
    assert problems == []
    assert upkeep.plan(store, now=LATER).free == ()


def test_what_was_just_written_is_kept(store: Store) -> None:
    make_world(store)
    young = put(store, b"young")

    kept = {thing.key: thing.why for thing in upkeep.plan(store, now=BEGIN + timedelta(minutes=5)).kept}

    assert kept[young] == "younger than an hour"


@pytest.mark.parametrize("needed", ["", "model", "baseline"])
def test_histories_of_archived_runs_go_unless_something_came_from_them(store: Store, needed: str) -> None:
    world = make_world(store)
    key = world.runs["train"] if needed == "model" else world.runs["monitor"]
    with store.write() as session:
        run = ledger.find_run(session, key)
        assert run.id is not None
        ledger.log_metrics(session, run.id, {"loss": 0.1})
        ledger.log_points(session, run.id, "loss", [(1, 0.2), (2, 0.1)])
        session.connection().exec_driver_sql("DELETE FROM signal WHERE 1 = 0")
    if needed == "":
        key = _fresh(store)
    if needed == "baseline":
        pin_baseline(store, key, by="ana")
    archive(store, [key], by="ana")

    upkeep.collect(store, by="ana", now=LATER)

    assert (points_of(store.reader, key, "loss") == []) == (needed == "")
    assert metrics_of(store.reader, key)["loss"] == 0.1
    if needed == "model":
        assert log_lines_of(store.reader, key)


def _fresh(store: Store) -> str:
    from tests.store.world import add_run

    with store.write() as session:
        run = add_run(session, 1, "train")
        assert run.id is not None
        ledger.log_metrics(session, run.id, {"loss": 0.1})
        ledger.log_points(session, run.id, "loss", [(1, 0.2), (2, 0.1)])
        room = Admission(
            run_id=run.id, decision="admitted", needs_bytes=1, free_bytes=2, total_bytes=2, says="", decided_at=BEGIN
        )
        session.add(room)  # every training has one
        return run.key


def test_each_kept_thing_has_a_reason_and_features_say_who_needs_them(store: Store) -> None:
    make_world(store)

    found = upkeep.plan(store, now=LATER)

    assert all(thing.why for thing in found.kept)
    assert found.reasons()[("features", "a model version was trained on it")] == (1, 0)
    assert ("artifact", "model_bytes of a model_version") in found.reasons()
    assert found.reasons()[("log", "its run is not archived")][0] == 1
