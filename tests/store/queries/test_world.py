"""The other nouns' queries, over one small whole world."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.errors import NotFound
from app.domain.states import Receiver, RunState, Severity
from app.store.engine import Store
from app.store.queries import (
    audit,
    charter,
    data,
    features,
    infrastructure,
    lineage,
    monitoring,
    overview,
    registry,
    serving,
)
from app.store.tables import Alert, FeedbackItem
from tests.store.world import World, add_run, make_world

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(store: Store) -> World:
    return make_world(store)


def test_models_say_what_serves_what_is_newest_and_what_is_wrong(store: Store, world: World) -> None:
    (model,) = registry.models(store.reader)

    assert (model.name, model.production_version, model.newest_version, model.newest_stage) == (
        "flight-delay",
        1,
        2,
        "staging",
    )
    assert (model.versions, model.open_alerts) == (2, 1)
    assert model.production_since is not None


def test_versions_carry_metrics_gates_and_where_they_came_from(store: Store, world: World) -> None:
    newest, first = registry.versions_of(store.reader, "flight-delay")
    whole = registry.version_of(store.reader, "flight-delay", 1)

    assert (newest.version, newest.gates_passed, newest.gates_total) == (2, 1, 2)
    assert (first.run, first.commit, first.features_version) == (world.runs["train"], world.commit, 1)
    assert first.metrics["auc"] == 0.72
    assert "slice.origin=JFK.auc" not in first.metrics
    assert whole.metrics["slice.origin=JFK.auc"] == 0.7
    production = registry.production_of(store.reader, "flight-delay")
    assert production is not None
    assert production.id == first.id
    assert [version.version for version in registry.versions_at(store.reader, "staging")] == [2]
    assert [version.version for version in registry.versions(store.reader)] == [2, 1]
    assert [(gate.gate, gate.passed) for gate in registry.gates_of(store.reader, newest.id)] == [
        ("baseline", True),
        ("clean_commit", False),
    ]
    assert [row.to_stage for row in registry.transitions_of(store.reader, "flight-delay")] == ["staging", "production"]
    with pytest.raises(NotFound):
        registry.version_of(store.reader, "flight-delay", 9)


def test_the_active_deployment_is_the_pointer(store: Store, world: World) -> None:
    active = serving.active_deployment(store.reader, "flight-delay")

    assert active is not None
    assert (active.key, active.version, active.state) == (world.deployment, 1, "active")
    assert serving.active_deployments(store.reader) == [active]
    assert serving.deployments_of(store.reader, "flight-delay") == [active]
    assert serving.active_deployment(store.reader, "nope") is None
    assert [batch.rows for batch in serving.prediction_batches(store.reader, project="flight-delay")] == [30]


def test_sources_add_up_over_their_snapshots(store: Store, world: World) -> None:
    flights, weather = data.sources(store.reader, project="flight-delay")

    assert (flights.rows, flights.quarantined, flights.quarantined_open, flights.files) == (90, 10, 10, 1)
    assert (weather.rows, weather.watermark) == (50, "2013-03-31")
    assert [row.source for row in data.snapshots(store.reader)] == ["weather", "flights"]
    newest = data.snapshots(store.reader, limit=1)[0]
    assert [row.source for row in data.snapshots(store.reader, before_key=newest.key)] == ["flights"]
    assert data.files_of(store.reader, project="flight-delay", source="weather")[0].path == "incoming/weather.parquet"


def test_quarantine_is_paged_and_counted_by_rule(store: Store, world: World) -> None:
    first = data.quarantined_rows(store.reader, project="flight-delay", limit=4)
    rest = data.quarantined_rows(store.reader, project="flight-delay", after_id=first[-1].id)
    (count,) = data.counts_by_rule(store.reader)

    assert (len(first), len(rest)) == (4, 6)
    assert (count.rule, count.rows, count.example) == ("late is missing", 10, "cancelled")
    assert data.quarantined_rows(store.reader, rule="other") == []


def test_feature_sets_open_their_views(store: Store, world: World) -> None:
    newest = features.feature_set(store.reader, "flight-delay")

    assert newest is not None
    assert (newest.version, newest.views[0].name, newest.views[0].columns, newest.views[0].kinds) == (
        1,
        "schedule",
        ("hour",),
        ("number",),
    )
    assert newest.snapshots == tuple(world.snapshots.values())
    assert features.feature_set(store.reader, "flight-delay", 7) is None


def test_monitoring_shows_breached_signals_first_and_their_history(store: Store, world: World) -> None:
    report = monitoring.latest_report(store.reader, "flight-delay")
    assert report is not None

    signals = monitoring.signals_of(store.reader, report.key)

    assert (report.signals, report.breached) == (2, 1)
    assert [(signal.name, signal.breached) for signal in signals] == [("auc", True), ("psi.hour", False)]
    assert [point.value for point in monitoring.signal_history(store.reader, "flight-delay", "auc")] == [0.65]
    assert set(monitoring.signal_histories(store.reader, "flight-delay")) == {"auc", "psi.hour"}
    (alert,) = monitoring.alerts(store.reader, unresolved_only=True)
    assert (alert.key, alert.state, alert.severity) == (world.alert, "open", "critical")
    (decision,) = monitoring.decisions(store.reader)
    assert (decision.alert, decision.retrain, decision.run) == (world.alert, True, world.runs["retrain"])


def test_events_are_paged_newest_first(store: Store, world: World) -> None:
    newest, oldest = audit.events(store.reader)

    assert (newest.action, json.loads(newest.details)) == ("alert.seen", {"a": 1})
    assert audit.events(store.reader, before_seq=newest.seq) == [oldest]
    assert audit.events(store.reader, action="model.*") == [oldest]
    assert audit.events(store.reader, subject=f"alert:{world.alert}", actor="ana") == [newest]
    assert audit.count_of_events(store.reader) == 2


def test_services_and_charters_are_listed(store: Store, world: World) -> None:
    (service,) = infrastructure.services(store.reader)
    project = charter.project_named(store.reader, "flight-delay")

    assert (service.name, service.state, service.lease_pid) == ("watcher", "up", None)
    assert project is not None
    assert (project.version, charter.headline_metrics(store.reader)) == (1, {"flight-delay": "auc"})
    assert [row.version for row in charter.charter_versions(store.reader, "flight-delay")] == [1]


def test_the_graph_goes_as_far_as_it_is_asked(store: Store, world: World) -> None:
    near = lineage.graph_around(store.reader, "model", "flight-delay/1", depth=1)
    up = lineage.graph_around(store.reader, "model", "flight-delay/1", downstream=False)

    assert set(near.nodes.values()) == {-1, 0, 1}
    assert min(up.nodes.values()) == -4
    assert max(up.nodes.values()) == 0


def test_the_river_counts_what_there_is(store: Store, world: World) -> None:
    river = overview.river(store.reader)
    mine = overview.river(store.reader, project="flight-delay")
    none = overview.river(store.reader, project="nope")

    assert river == mine
    assert (river.sources, river.snapshots, river.rows, river.quarantined_open) == (2, 2, 140, 10)
    assert (river.features_version, river.runs_total, river.candidates) == (1, 7, 1)
    assert (river.champion_version, river.deployment, river.batches) == (1, world.deployment, 1)
    assert (river.signals, river.signals_breached, river.open_alerts) == (2, 1, 1)
    assert (none.snapshots, none.champion_version, none.runs_total) == (0, None, 0)


def test_what_waits_for_a_person_comes_with_since_and_next_step(store: Store, world: World) -> None:
    with store.write() as session:
        failed = add_run(session, 1, "ingest", state=RunState.FAILED, error="no such file")

    refused = overview.needs_you(store.reader, project="flight-delay")
    with store.write() as session:
        session.connection().execute(text("UPDATE gate_result SET passed = 1"))
    needs = overview.needs_you(store.reader, project="flight-delay")

    assert [need.kind for need in refused] == ["alert", "run", "quarantine"]  # no candidate that a gate refuses
    assert [need.kind for need in needs] == ["alert", "version", "run", "quarantine"]
    assert all(need.since and need.next_step.startswith("trainmaster ") for need in needs)
    assert needs[1].next_step == "trainmaster models promote flight-delay 2"
    assert needs[2].key == failed.key


def test_alerts_of_one_group_and_items_of_one_receiver_are_one_line_each(store: Store, world: World) -> None:
    with store.write() as session:
        for at in range(8):
            family = "drift" if at < 6 else "quality"
            alert = Alert(
                key=f"a{at}", project_id=1, signal=f"s{at}", severity=Severity.WARNING, says=f"s{at} is over",
                grouped=family, opened_at=NOON + timedelta(hours=at), last_seen_at=NOON,
            )  # fmt: skip
            session.add(alert)
            session.flush()
            for receiver in Receiver:
                item = FeedbackItem(
                    key=f"{receiver[:2]}{at}", project_id=1, alert_id=alert.id or 0, receiver=receiver,
                    says=f"why s{at}?",
                    next_step="trainmaster alerts ls", opened_at=NOON + timedelta(hours=at),
                )  # fmt: skip
                session.add(item)

    found = {
        (need.kind, need.group): need
        for need in overview.needs_you(store.reader, project="flight-delay")
        if need.kind in ("alert", "feedback") and need.key != world.alert
    }

    assert set(found) == {
        ("alert", "drift"), ("alert", "quality"), ("feedback", "experiment"), ("feedback", "data_engineering"),
        ("feedback", "scheduler"),
    }  # fmt: skip
    drift, asked = found["alert", "drift"], found["feedback", "data_engineering"]
    assert drift.what == "s5 is over · and 5 more of drift"
    assert (len(drift.keys), drift.since[:13]) == (6, "2026-05-01T12")
    assert asked.what == "data engineering (2 quality, 6 drift): why s7?"
    assert len(asked.keys) == 8


def test_a_failure_that_was_followed_by_a_success_needs_nobody(store: Store, world: World) -> None:
    with store.write() as session:
        add_run(session, 1, "ingest", state=RunState.FAILED)
        add_run(session, 1, "ingest", state=RunState.COMPLETED)
        running = add_run(session, 1, "train", state=RunState.RUNNING)

    whole = overview.overview(store.reader)

    assert "run" not in {need.kind for need in whole.needs}
    assert [row.key for row in whole.running] == [running.key]
    assert len(whole.activity) == 2


def test_the_queries_load_no_slow_library() -> None:
    names = [file.stem for file in (Path(overview.__file__).parent).glob("*.py")]
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("app.store.queries" + ("" if name == "__init__" else "." + name))
print([name for name in ("sqlalchemy", "sqlmodel", "pydantic", "pandas", "psutil") if name in sys.modules])
"""

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
