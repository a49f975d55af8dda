"""From a bad month to one alert, one decision and one event; from a good one to a resolved alert."""

from sqlalchemy import select

from app.domain.problem import Direction
from app.domain.workspace import Workspace
from app.monitoring.report import Report, SignalValue
from app.services.monitoring.following import follow
from app.services.predictions import newest_features, production_of
from app.services.running import running
from app.services.workspaces import open_project
from app.store.engine import Store
from app.store.queries.monitoring import alerts, decisions, reports
from app.store.tables import MonitorReport
from flows.monitor import monitor
from tests.monthly import BAD_APRIL, PROJECT, Month, arrive

MAY = Month(5)


def yes(store: Store) -> list[str]:
    return [decision.key for decision in decisions(store.reader) if decision.retrain]


def test_a_bad_month_opens_one_alert_and_decides_to_retrain_once(quarter: Workspace, quarter_store: Store) -> None:
    found = arrive(quarter, BAD_APRIL)
    again = monitor(PROJECT, workspace=str(quarter.root))

    assert found["window"] == "2013-04"
    assert found["rows"] == found["labelled_rows"] == 700
    assert found["metrics"]["auc"] < 0.6
    assert [alert[1] for alert in found["opened"]] == ["auc"]
    assert again["opened"] == []
    assert again["report"] == found["report"]
    (alert,) = alerts(quarter_store.reader)
    assert (alert.signal, alert.severity, alert.state, alert.seen) == ("auc", "critical", "open", 1)
    assert len(yes(quarter_store)) == 1
    assert "under way" in decisions(quarter_store.reader)[0].reason


def test_the_next_good_month_resolves_the_alert(april: Workspace, april_store: Store) -> None:

    found = arrive(april, MAY)

    assert found["window"] == "2013-05"
    (alert,) = alerts(april_store.reader)
    assert (alert.state, alert.resolved_at is not None) == ("resolved", True)
    assert found["resolved"] == [alert.key]


def test_drift_alone_warns_and_does_not_retrain(quarter: Workspace, quarter_store: Store) -> None:
    found = arrive(quarter, Month(4, shift=2.0, meaning=2.0))

    signals = {alert.signal: alert.severity for alert in alerts(quarter_store.reader)}
    assert signals["psi.x"] == "warning"
    assert "auc" not in signals
    assert found["breached"]
    assert yes(quarter_store) == []
    assert all("warning" in decision.reason for decision in decisions(quarter_store.reader))


def test_a_look_back_at_an_old_month_changes_no_alert(april: Workspace, april_store: Store) -> None:

    found = monitor(PROJECT, parameters={"month": "2013-02"}, workspace=str(april.root))

    assert found["window"] == "2013-02"
    assert found["resolved"] == []
    assert alerts(april_store.reader)[0].state == "open"
    assert len(reports(april_store.reader)) == 2


def test_a_month_of_few_rows_raises_nothing(quarter: Workspace, quarter_store: Store) -> None:
    found = arrive(quarter, Month(4, meaning=0.0, shift=9.0), rows=50)

    assert found["breached"] == []
    assert found["metrics"] == {}
    assert alerts(quarter_store.reader) == []


def test_an_arrival_before_any_promotion_says_what_it_skipped(tmp_path_factory: object, quarter: Workspace) -> None:
    from flows.arrival import arrival
    from tests.monthly import bring, write_project

    workspace = write_project(quarter.root / "another")
    bring(workspace, Month(1))

    summary = arrival(PROJECT, workspace=str(workspace.root))

    assert summary["monitor"] == {"skipped": True, "says": "skipped: no version is in production yet"}


def test_a_hundred_alarms_in_a_minute_make_one_retrain(quarter: Workspace, quarter_store: Store) -> None:
    arrive(quarter, MAY)
    signal = SignalValue("auc", "quality", None, 0.5, 0.7, Direction.HIGHER, True)
    with running(quarter_store, open_project(quarter, PROJECT), "monitor", stages=1) as run:
        with quarter_store.read() as session:
            production = production_of(session, run.project_id, PROJECT)
            features = newest_features(session, run.project_id, PROJECT)
            row = session.execute(select(MonitorReport)).scalars().one()

        for _ in range(100):
            with quarter_store.write() as session:
                report = Report(700, 700, (signal,))
                follow(session, run, row, production, features, report, says_window="2013-05", is_new=True)

    assert len(yes(quarter_store)) == 1
    (alert,) = alerts(quarter_store.reader)
    assert alert.seen == 100
