"""The life of an alert: windows in a row, groups, owners, mutes, storms; and that nothing is told twice or lost."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from app.domain.errors import BadInput, Refused, Usage
from app.domain.project import Alerts
from app.domain.states import CauseKind, NoticeState, RunState, Severity, Stage
from app.services.monitoring import alerting, assign, mute, resolve
from app.services.monitoring.alerting import Breach
from app.services.monitoring.following import windows_in_a_row
from app.services.workspaces import now
from app.store import artifacts
from app.store.engine import Store
from app.store.queries.alerts import alert_of, alerts, notices_of
from app.store.tables import FeatureSet, Model, ModelVersion, MonitorReport, Notice, Project, Run, Signal

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOOKS = {"desk": {"kind": "command", "command": ["true"], "on": ["opened", "resolved"]}}
RULES = Alerts.model_validate(
    {
        "owner": "ana",
        "hooks": HOOKS,
        "rules": {
            "noisy": {"match": "psi.*", "open_after": 3, "resolve_after": 2, "severity": "critical", "owner": "ben"},
            "silent": {"match": "quiet.*", "muted": True},
        },
    }
)


def a_project(session: Session) -> int:
    project = Project(name="p", title="P", created_at=NOON)
    session.add(project)
    session.flush()
    return project.id or 0


def a_breach(signal: str = "auc", **more: object) -> Breach:
    return Breach(signal, "quality", Severity.WARNING, f"{signal} is bad", **more)  # type: ignore[arg-type]


def test_an_alert_carries_owner_group_severity_and_what_it_speaks_of(store: Store) -> None:
    with store.write() as session:
        project = a_project(session)
        window = (NOON - timedelta(days=30), NOON)
        breach = a_breach("psi.temp", feature="temp", slice="carrier=AA", rows=700, window=window, value=0.4, limit=0.2)
        alerting.open_alert(session, project, breach, RULES, NOON)

    (alert,) = alerts(store.reader, project="p")
    assert (alert.owner, alert.severity, alert.grouped) == ("ben", "critical", "quality")
    assert (alert.feature, alert.slice, alert.rows, alert.value, alert.limit_value) == (
        "temp", "carrier=AA", 700, 0.4, 0.2,
    )  # fmt: skip
    assert (alert.window_to or "").startswith("2026-05-01T12")
    assert alert_of(store.reader, alert.key[:5]) == alert


def test_a_storm_is_one_notice_and_the_next_one_waits(store: Store) -> None:
    with store.write() as session:
        project = a_project(session)
        for number in range(100):
            alerting.open_alert(session, project, a_breach(f"m{number}"), RULES, NOON)
    with store.write() as session:
        first = session.get(Notice, 1)
        assert first is not None
        first.state, first.sent_at = NoticeState.SENT, NOON
        session.add(first)
        alerting.open_alert(session, project, a_breach("late"), RULES, NOON + timedelta(seconds=1))

    later, first_row = notices_of(store.reader)
    assert first_row.alerts.count('"') == 200
    assert later.next_at.startswith("2026-05-01T12:05")
    assert len(alerts(store.reader, limit=1000)) == 101


def test_a_muted_alert_tells_nobody_and_stays(store: Store) -> None:
    with store.write() as session:
        project = a_project(session)
        alerting.open_alert(session, project, a_breach("quiet.thing"), RULES, NOON)
        loud = alerting.open_alert(session, project, a_breach(), Alerts(), NOON).key
    mute(store, loud, by="ana", reason="the strike", until=now() + timedelta(hours=1))
    with store.write() as session:
        row = alerting.unresolved(session, project, reported=False)["auc"]
        alerting.end(session, row, RULES, now())

    assert notices_of(store.reader) == []
    assert {alert.signal: alert.state for alert in alerts(store.reader)} == {"quiet.thing": "open", "auc": "resolved"}


def test_resolved_by_hand_and_assigned_with_a_record(store: Store) -> None:
    with store.write() as session:
        key = alerting.open_alert(session, None, a_breach("machine.disk"), Alerts(), NOON).key

    given = assign(store, key, owner="ben", by="ana")
    done = resolve(store, key, by="ben", reason="a disk was added")

    assert (given.says, done.state) == (f"alert {key} belongs to ben", "resolved")
    found = store.reader.rows("SELECT action, actor, reason FROM audit_event ORDER BY seq")
    assert [row["action"] for row in found] == ["alert.assigned", "alert.resolved"]
    with pytest.raises(Refused, match="resolved already"):
        assign(store, key, owner="x", by="ana")
    with pytest.raises(Usage, match="reason"):
        resolve(store, key, by="ben", reason=" ")
    with store.write() as session:
        alerting.open_alert(session, None, a_breach("machine.disk"), Alerts(), NOON)  # it came back: a new one


def test_one_unresolved_alert_a_signal_holds_for_the_workspace_too(store: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    with store.write() as session:
        alerting.open_alert(session, None, a_breach("machine.disk"), Alerts(), NOON)

    with pytest.raises(IntegrityError), store.write() as session:
        alerting.open_alert(session, None, a_breach("machine.disk"), Alerts(), NOON)


def test_it_takes_so_many_quiet_looks_in_a_row_to_resolve(store: Store) -> None:
    with store.write() as session:
        alert = alerting.open_alert(session, None, a_breach("psi.x"), RULES, NOON)
        steps = [alerting.see_quiet(session, alert, RULES, NOON)]
        alerting.see_again(session, alert, a_breach("psi.x"), RULES, NOON)
        steps += [alerting.see_quiet(session, alert, RULES, NOON), alerting.see_quiet(session, alert, RULES, NOON)]

    assert steps == [False, False, True]


def reported(session: Session, values: list[float | None]) -> MonitorReport:
    """A report a month, each with one signal, None where it had no value."""
    project = a_project(session)
    digest = artifacts.put(session, b"{}", kind="x", media_type="x", now=NOON)
    run = Run(
        key="r", flow="monitor", project_id=project, state=RunState.COMPLETED, cause=CauseKind.PERSON,
        requested_by="t", requested_at=NOON,
    )  # fmt: skip
    session.add(run)
    session.flush()
    features = FeatureSet(
        project_id=project, run_id=run.id or 0, version=1, digest="a" * 64, rules_digest="b" * 64, rows=1,
        created_at=NOON,
    )  # fmt: skip
    model = Model(name="p", project_id=project, created_at=NOON)
    session.add_all([features, model])
    session.flush()
    version = ModelVersion(
        model_id=model.id or 0, version=1, stage=Stage.PRODUCTION, run_id=run.id or 0, feature_set_id=features.id or 0,
        digest="c" * 64, model_bytes=digest, manifest=digest, canary=digest, profile=digest, created_at=NOON,
    )  # fmt: skip
    session.add(version)
    session.flush()
    row = None
    for at, value in enumerate(values):
        row = MonitorReport(
            key=f"o{at}", project_id=project, version_id=version.id or 0, run_id=run.id or 0, rows=1, labelled_rows=1,
            window_from=NOON + timedelta(days=30 * at), window_to=NOON + timedelta(days=30 * at + 30),
            digest=f"{at:064}", profile=digest, created_at=NOON,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            Signal(
                report_id=row.id or 0, name="psi.x", kind="drift", value=value, special=None if value else "nan",
                direction="lower", breached=bool(value and value > 0.2),
            )
        )  # fmt: skip
    session.flush()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("values", "in_a_row"),
    [([0.3, 0.3, 0.3], 3), ([0.3, 0.1, 0.3], 1), ([0.3, None, 0.3], 2), ([0.3, 0.3, 0.1], 0), ([None], 0)],
)
def test_windows_in_a_row_are_counted_from_what_is_stored(
    store: Store, values: list[float | None], in_a_row: int
) -> None:
    with store.write() as session:
        row = reported(session, values)

        assert windows_in_a_row(session, row, "psi.x", most=5) == in_a_row


@pytest.mark.parametrize(
    "hook",
    [
        {"kind": "webhook", "url": "file:///etc/passwd"},
        {"kind": "webhook", "url": "http://user@host/x"},
        {"kind": "webhook", "command": ["x"]},
        {"kind": "command"},
        {"kind": "desktop", "url": "http://host/"},
    ],
)
def test_a_hook_that_means_nothing_is_refused_when_the_file_is_read(hook: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"hook|address"):
        Alerts.model_validate({"hooks": {"h": hook}})


def test_rules_of_the_workspace_stand_in_its_own_file(workspace: object) -> None:
    from app.services.monitoring.rules import allowed_hosts, rules_of, workspace_rules

    marker = workspace.marker  # type: ignore[attr-defined]
    marker.write_text('[alerts.health]\ndisk_percent = 70\n[notifications]\nallow = ["Hooks.Example.org"]\n')
    assert workspace_rules(workspace).health.disk_percent == 70  # type: ignore[arg-type]
    assert allowed_hosts(workspace) == {"hooks.example.org"}  # type: ignore[arg-type]

    marker.write_text("[alerts]\nopen_after = 0\n")
    with pytest.raises(BadInput, match=r"alerts\.open_after"):
        workspace_rules(workspace)  # type: ignore[arg-type]
    assert rules_of(workspace, None) == Alerts()  # type: ignore[arg-type]


def test_the_rules_that_the_docs_show_are_rules() -> None:
    import re
    import tomllib
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block is not None

    rules = Alerts.model_validate(tomllib.loads(block[1])["alerts"])

    assert (rules.open_after_of("psi.temp"), rules.owner_of("psi.temp"), rules.owner_of("auc")) == (2, "ben", "ana")
