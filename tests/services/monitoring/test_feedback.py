"""From an alert to three items and to the end of a retrain: won, refused, by growth, by schedule and by hand."""

from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.domain.errors import Refused
from app.domain.roles import Role
from app.domain.workspace import Workspace
from app.services import feedback
from app.services.monitoring import emit_waiting
from app.store.engine import Store
from app.store.queries.feedback import items, verdicts
from app.store.queries.lineage import graph_around
from app.store.queries.monitoring import alerts
from app.store.tables import Decision, GateResult, ModelVersion, Run
from flows.train import train
from tests.monthly import BAD_APRIL, PROJECT, PROJECT_TOML, Month, arrive


def rules(workspace: Workspace, more: str) -> None:
    """Add keys to [feedback], the last section of the project."""
    path: Path = workspace.project_folder(PROJECT) / "project.toml"
    path.write_text(PROJECT_TOML + more)


def carry_out(workspace: Workspace, store: Store) -> dict[str, object]:
    """What the automation does: start the run of the one decision to retrain."""
    sent: list[dict[str, object]] = []
    emit_waiting(store, workspace, emit=lambda _w, _e, _r, payload, *, key="": sent.append(dict(payload)))
    (payload,) = sent
    train(
        PROJECT,
        cause=str(payload["cause"]),
        cause_key=str(payload["cause_key"]),
        parameters={"decision": payload["decision"], "alert": payload["alert"]},
        workspace=str(workspace.root),
    )
    return payload


def test_one_alert_asks_three_receivers_and_each_answers_for_itself(april: Workspace, april_store: Store) -> None:
    (alert,) = alerts(april_store.reader)

    found = {item.receiver: item for item in items(april_store.reader)}
    assert {item.alert for item in found.values()} == {alert.key}
    assert set(found) == {"experiment", "data_engineering", "scheduler"}
    with pytest.raises(Refused, match="data engineering"):
        feedback.acknowledge_item(april_store, found["data_engineering"].key, by="ana", role=Role.STAKEHOLDER)
    feedback.acknowledge_item(april_store, found["experiment"].key, by="ana", role=Role.DATA_SCIENTIST)
    feedback.resolve_item(april_store, found["data_engineering"].key, by="ben", answer="the source is as it was")

    states = {item.receiver: item.state for item in items(april_store.reader, resolved=True)}
    assert states == {"experiment": "acknowledged", "data_engineering": "resolved", "scheduler": "open"}


def test_an_alert_is_retrained_for_once_and_the_run_answers_the_scheduler(
    quarter: Workspace, quarter_store: Store
) -> None:
    rules(quarter, "refit = true\n")
    arrive(quarter, BAD_APRIL)
    (alert,) = alerts(quarter_store.reader)

    payload = carry_out(quarter, quarter_store)
    (settled,) = feedback.settle(quarter_store, quarter)

    assert (payload["cause"], payload["cause_key"]) == ("alert", alert.key)
    assert feedback.settle(quarter_store, quarter) == []
    assert settled.won is not None
    (yes,) = verdicts(quarter_store.reader, yes_only=True)
    assert (yes.trigger, yes.won, yes.outcome) == ("alert", settled.won, settled.says)
    scheduler = next(one for one in items(quarter_store.reader, resolved=True) if one.receiver == "scheduler")
    assert (scheduler.state, scheduler.answer) == ("resolved", f"run {yes.run} was started")


def test_what_passed_every_gate_goes_up_by_policy_and_what_did_not_breaks_the_loop(
    quarter: Workspace, quarter_store: Store
) -> None:
    rules(quarter, 'promote = "policy"\nbreaker_after = 1\n')
    arrive(quarter, BAD_APRIL)
    carry_out(quarter, quarter_store)
    with quarter_store.write() as session:
        run = session.execute(select(col(Decision.run_id)).where(col(Decision.retrain))).scalar_one()
        version = session.execute(select(col(ModelVersion.id)).where(col(ModelVersion.run_id) == run)).scalar_one()
        session.execute(update(GateResult).where(col(GateResult.version_id) == version).values(passed=True))

    (won,) = feedback.settle(quarter_store, quarter)

    assert won.deploy is not None, won.says
    with quarter_store.write() as session:
        deploy = session.execute(select(Run).where(col(Run.key) == won.deploy)).scalar_one()
        assert (deploy.flow, deploy.requested_by) == ("deploy", "policy")
        session.execute(update(Decision).where(col(Decision.retrain)).values(won=False))
    arrive(quarter, Month(5, meaning=0.1))
    assert any("the loop is broken" in one.reason for one in verdicts(quarter_store.reader))
    feedback.reset_loop(quarter_store, quarter, PROJECT, by="ana", reason="looked at it")
    arrive(quarter, Month(6, meaning=0.1))
    assert "the loop is broken" not in verdicts(quarter_store.reader)[0].reason


def test_new_rows_alone_start_a_retrain_with_new_data_as_its_cause(quarter: Workspace, quarter_store: Store) -> None:
    rules(quarter, "growth = 0.1\n")

    arrive(quarter, Month(4))
    payload = carry_out(quarter, quarter_store)

    assert payload["cause"] == "new_data"
    (yes,) = verdicts(quarter_store.reader, yes_only=True)
    assert (yes.trigger, yes.alert) == ("growth", None)


def test_the_schedule_asks_when_it_is_time_and_is_silent_before(quarter: Workspace, quarter_store: Store) -> None:
    arrive(quarter, Month(4))
    rules(quarter, "every_days = 30\n")

    asked = feedback.ask_by_schedule(quarter_store, quarter)
    carry_out(quarter, quarter_store)
    again = feedback.ask_by_schedule(quarter_store, quarter)

    assert (len(asked), again) == (1, [])
    (yes,) = verdicts(quarter_store.reader, yes_only=True)
    assert yes.trigger == "schedule"


def test_a_person_asks_once_and_the_run_cites_the_item(april: Workspace, april_store: Store) -> None:
    with april_store.write() as session:
        session.execute(update(Decision).values(retrain=False))
    item = next(one for one in items(april_store.reader) if one.receiver == "experiment")

    asked = feedback.ask_retrain(april_store, april, PROJECT, by="ana", reason="now", because=item.key)
    with pytest.raises(Refused, match="under way"):
        feedback.ask_retrain(april_store, april, PROJECT, by="ana")
    train(PROJECT, run=asked.run, workspace=str(april.root))

    edges = graph_around(april_store.reader, "feedback", item.key, depth=1).edges
    assert (f"run:{asked.run}", "caused_by") in {(edge.target, edge.kind) for edge in edges}
    assert next(one for one in items(april_store.reader) if one.key == item.key).state == "acknowledged"
