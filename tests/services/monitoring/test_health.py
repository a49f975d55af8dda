"""Health: what is looked at, when it becomes an alert, and that silence is one, whoever is silent."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from app.domain.project import Alerts, Health
from app.domain.states import CauseKind, RunState, ServiceState, Verdict
from app.domain.workspace import Workspace
from app.machine.gpu import Gpu
from app.machine.sampler import MachineSample
from app.services import infrastructure
from app.services.monitoring import health
from app.services.monitoring.alerts import acknowledge
from app.services.monitoring.health.machine import days_until_full, machine_values
from app.services.monitoring.health.recording import KEPT, prune, record
from app.services.monitoring.health.runs import ci_values, run_values
from app.services.monitoring.health.value import HealthValue
from app.services.serving.traffic import Counters
from app.services.workspaces import now
from app.store.engine import Store
from app.store.queries.alerts import alerts
from app.store.queries.health import health_points, health_signals, silent
from app.store.tables import CiVerdict, Project, Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
GB = 1 << 30
IDLE = MachineSample(10.0, (10.0,), GB, 4 * GB, 10 * GB, 100 * GB, 0.1)
LIMITS = Health()


def breached(values: list[HealthValue]) -> set[str]:
    return {value.name for value in values if value.breached}


def test_a_machine_at_its_limits_says_which_one() -> None:
    gpu = Gpu(0, "H100", 100.0, 80 * GB, 80 * GB)
    full = MachineSample(99.5, (99.5,), 4 * GB, 4 * GB, 95 * GB, 100 * GB, 9.0, (gpu,))

    assert breached(machine_values(IDLE, [], LIMITS)) == set()
    assert breached(machine_values(full, [], LIMITS)) == {
        "machine.cpu", "machine.memory", "machine.disk", "machine.gpu0.memory",
    }  # fmt: skip
    unknown = MachineSample(None, (), None, None, None, None, None)
    assert breached(machine_values(unknown, [], LIMITS)) == set()


def test_the_disk_is_forecast_by_its_pace_and_a_file_that_came_and_went_does_not_count() -> None:
    grows = [(NOON + timedelta(hours=h), 50e9 + 1e9 * h) for h in range(24)]
    spike = [(NOON + timedelta(hours=h), 50e9 + (30e9 if h == 12 else 0)) for h in range(24)]
    shrinks = [(NOON + timedelta(hours=h), 50e9 - 1e9 * h) for h in range(24)]

    assert days_until_full(grows, int(48e9)) == pytest.approx(2.0)
    assert days_until_full(spike, int(48e9)) is None
    assert days_until_full(shrinks, int(48e9)) is None
    assert breached(machine_values(replace(IDLE, disk_total_bytes=int(1.1e11)), grows, LIMITS)) == set()
    assert breached(machine_values(replace(IDLE, disk_used_bytes=99 * GB), grows, LIMITS)) == {
        "machine.disk", "machine.disk_full_in",
    }  # fmt: skip


def runs(session: Session, *found: tuple[str, RunState, float]) -> int:
    """A project with runs of (flow, state, seconds), a minute apart, oldest first; gives the project."""
    project = Project(name="p", title="P", created_at=NOON)
    session.add(project)
    session.flush()
    for at, (flow, state, seconds) in enumerate(found):
        begun = NOON - timedelta(minutes=len(found) - at)
        ended = state.ended
        session.add(
            Run(
                key=f"run{at}", flow=flow, project_id=project.id or 0, state=state, cause=CauseKind.SCHEDULE,
                requested_by="t", requested_at=begun - timedelta(minutes=30), duration_s=seconds if ended else None,
                started_at=None if state is RunState.REQUESTED else begun, peak_rss_bytes=GB,
                finished_at=begun if ended else None, error="no room" if state is RunState.FAILED else "",
            )
        )  # fmt: skip
    session.flush()
    return project.id or 0


def test_runs_that_fail_wait_stand_still_or_take_too_long_are_signals(store: Store) -> None:
    usual = [("train", RunState.COMPLETED, 40.0)] * 5
    with store.write() as session:
        runs(
            session, *usual, ("train", RunState.COMPLETED, 400.0), ("ingest", RunState.FAILED, 1.0),
            ("ingest", RunState.CRASHED, 1.0), ("predict", RunState.REQUESTED, 0.0), ("train", RunState.RUNNING, 0.0),
        )  # fmt: skip

    found = run_values(store.reader, "p", LIMITS, NOON + timedelta(minutes=5))

    by_name = {value.name: value for value in found}
    assert breached(found) == {"run.train.duration", "run.train.stuck", "run.ingest.failed", "run.predict.late"}
    assert by_name["run.ingest.failed"].value == 2
    assert by_name["run.train.duration"].run_id == 6
    assert "usually 40" in by_name["run.train.duration"].says


def test_a_red_commit_is_a_signal_until_a_green_one(store: Store) -> None:
    def judged(session: Session, verdict: Verdict) -> None:
        session.add(
            CiVerdict(
                project_id=1, run_id=1, commit="9c1e2f" * 6, branch="main", author="ana", subject="s", verdict=verdict,
                stage="unit tests", reason="2 failed", duration_s=1.0, created_at=NOON,
            )
        )  # fmt: skip

    with store.write() as session:
        runs(session, ("ci", RunState.COMPLETED, 1.0))
        judged(session, Verdict.RED)
    (red,) = ci_values(store.reader, "p")
    with store.write() as session:
        judged(session, Verdict.GREEN)
    (green,) = ci_values(store.reader, "p")

    assert (red.name, red.breached, "ana" in red.says) == ("ci.main", True, True)
    assert not green.breached


def value(bad: bool, **more: object) -> HealthValue:
    return replace(HealthValue("machine.x", "machine", 1.0, 0.5, "x is bad", breached=bad, looks=2), **more)  # type: ignore[arg-type]


def test_an_alert_opens_after_so_many_looks_in_a_row_and_ends_with_the_first_good_one(store: Store) -> None:
    steps = []
    for at, bad in enumerate((True, False, True, True, True, False)):
        with store.write() as session:
            record(session, "", [value(bad)], Alerts(), NOON + timedelta(seconds=15 * at))
        steps.append([alert.state for alert in alerts(store.reader)])

    assert steps == [[], [], [], ["open"], ["open"], ["resolved"]]
    (row,) = health_signals(store.reader)
    assert (row.in_a_row, row.breached) == (1, False)


def test_a_look_keeps_points_a_minute_apart_for_two_weeks(store: Store) -> None:
    for at in range(9):
        with store.write() as session:
            record(session, "", [value(False)], Alerts(), NOON + timedelta(seconds=15 * at))

    (points,) = health_points(store.reader).values()
    assert len(points) == 3
    with store.write() as session:
        assert prune(session, NOON + KEPT + timedelta(hours=1)) == 3


def test_a_gateway_that_fails_is_an_alert_after_two_looks_and_a_quiet_one_is_none(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = [(0, 0), (3, 3), (1_000, 50), (2_000, 100), (3_000, 100)]
    answers = iter(
        Counters(15.0 * at, {("p", "200"): good, ("p", "500"): bad}, {}, {0.01: good, float("inf"): good + bad})
        for at, (good, bad) in enumerate(asked)
    )
    monkeypatch.setattr("app.services.serving.traffic.look", lambda *_: next(answers))
    gateway, moment = health.Gateway(workspace, time.monotonic), NOON

    opened = []
    for _ in asked:
        moment += timedelta(seconds=15)
        opened.append(len(health.look(store, workspace, sample=IDLE, moment=moment, gateway=gateway).opened))
    signals = {row.name: row for row in health_signals(store.reader)}

    assert opened == [0, 0, 0, 1, 0]
    assert [(one.signal, one.state) for one in alerts(store.reader)] == [("serving.errors", "resolved")]
    assert signals["serving.requests"].value == pytest.approx(1_000 / 15)
    assert "serving.p99" in signals


def test_what_is_watched_no_more_ends_its_alert(store: Store) -> None:
    with store.write() as session:
        record(session, "", [value(True, looks=1)], Alerts(), NOON)
        record(session, "", [], Alerts(), NOON + timedelta(minutes=5))

    (alert,) = alerts(store.reader)
    assert (alert.state, alert.resolved_reason) == ("resolved", "it is watched no more")
    assert health_signals(store.reader) == []


def test_an_acknowledgement_that_ran_out_opens_the_alert_again(store: Store) -> None:
    with store.write() as session:
        record(session, "", [value(True, looks=1)], Alerts(), NOON)
    (alert,) = alerts(store.reader)
    later = now() + timedelta(hours=1)
    acknowledge(store, alert.key, by="ana", reason="a bigger disk is on its way", until=later)

    with store.write() as session:
        record(session, "", [value(True, looks=1)], Alerts(), later + timedelta(seconds=1))

    assert [one.state for one in alerts(store.reader)] == ["open"]


def test_a_whole_look_at_a_workspace_without_projects_is_quiet(workspace: Workspace, store: Store) -> None:
    looked = health.look(store, workspace, sample=IDLE)

    assert (looked.breached, looked.opened) == ((), ())
    assert looked.signals >= 5
    assert {row.scope for row in health_signals(store.reader)} == {""}


def services(store: Store, *, watcher: ServiceState = ServiceState.UP, detail: str = "") -> None:
    infrastructure.report(store, "watcher", watcher, 1, detail)
    with store.write() as session:
        from app.store.tables import Service

        row = session.get(Service, "watcher")
        assert row is not None
        row.since = NOON - timedelta(hours=1)
        session.add(row)


def test_silence_is_an_alarm_that_somebody_else_raises_and_that_ends_with_the_next_word(
    workspace: Workspace, store: Store
) -> None:
    services(store)
    health.beat(store, "watcher", moment=NOON, late_s=60)

    quiet = [health.watch_the_watcher(store, workspace, moment=NOON + timedelta(seconds=at)) for at in (30, 59)]
    alarm = [health.watch_the_watcher(store, workspace, moment=NOON + timedelta(seconds=at)) for at in (61, 64, 67, 70)]
    (alert,) = alerts(store.reader)
    read = silent(store.reader, NOON + timedelta(seconds=70))
    health.beat(store, "watcher", moment=NOON + timedelta(seconds=71), late_s=60)
    health.watch_the_watcher(store, workspace, moment=NOON + timedelta(seconds=73))

    assert quiet == [(), ()]
    assert [len(opened) for opened in alarm] == [0, 0, 1, 0]
    assert (alert.signal, alert.severity, alert.project) == ("heartbeat.watcher", "critical", "")
    assert [(one.name, one.silent_s) for one in read] == [("watcher", 70.0)]
    assert [one.state for one in alerts(store.reader)] == ["resolved"]


@pytest.mark.parametrize(
    ("state", "detail", "age_s", "is_silent"),
    [
        (ServiceState.UP, "", 61.0, True),
        (ServiceState.UP, "", 59.0, False),
        (ServiceState.DOWN, "stopped", 9_000.0, False),
        (ServiceState.BACKING_OFF, "ended (signal 9)", 61.0, True),
        (ServiceState.UP, "", -3_600.0, True),
        (ServiceState.UP, "", -5.0, False),
    ],
)
def test_who_is_silent_is_read_by_everybody(
    store: Store, state: ServiceState, detail: str, age_s: float, is_silent: bool
) -> None:
    services(store, watcher=state, detail=detail)
    health.beat(store, "watcher", moment=NOON - timedelta(seconds=age_s), late_s=60)

    found = silent(store.reader, NOON)

    assert bool(found) is is_silent


def test_a_service_that_has_just_started_is_given_its_time(store: Store) -> None:
    health.beat(store, "watcher", moment=now() - timedelta(hours=8), late_s=60)
    infrastructure.report(store, "watcher", ServiceState.STARTING, 7, "starting")

    assert silent(store.reader, now()) == []


def test_status_says_who_is_silent(store: Store) -> None:
    services(store)
    health.beat(store, "watcher", moment=now() - timedelta(seconds=100), late_s=60)

    found = {one.service: one.silent_s for one in infrastructure.status(store)}

    assert 99 < (found["watcher"] or 0) < 110
    assert found["gateway"] is None


def test_environment_schema_and_freshness_of_a_project(quarter: Workspace, quarter_store: Store) -> None:
    moment = now()
    calm = {value.name: value for value in health.project_values(quarter_store, quarter, "monthly", moment)}
    with quarter_store.write() as session:
        run = session.get(Run, 13) or session.get(Run, 6)
        assert run is not None
        environment = json.loads(run.environment)
        environment["packages"]["pandas"] = "99.0"
        run.environment = json.dumps({**environment, "lock_digest": "f" * 64})
        newest = session.get(Run, quarter_store.reader.value("SELECT max(id) FROM run"))
        assert newest is not None
        newest.environment = run.environment
        session.add_all([run, newest])
    later = moment + timedelta(days=40)

    found = {value.name: value for value in health.project_values(quarter_store, quarter, "monthly", later)}

    assert not [name for name, value in calm.items() if value.breached]
    assert found["environment.lock"].breached
    assert "pandas" in found["environment.lock"].says
    assert calm["schema.rows"].value == 0
    assert calm["model.age"].limit is None


def test_a_project_file_that_cannot_be_read_is_no_reason_to_look_away(quarter: Workspace, quarter_store: Store) -> None:
    Path(quarter.project_file("monthly")).write_text("name = ")

    looked = health.look(quarter_store, quarter, sample=IDLE)

    assert looked.signals > 15
