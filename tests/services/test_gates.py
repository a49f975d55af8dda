"""Gates as rows: intervals, attempts, waivers, approvals, and judging again when production has changed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain.errors import BadInput, Refused
from app.domain.workspace import Workspace
from app.services import registry
from app.services.workspaces import OpenProject, now
from app.store import audit
from app.store.engine import Store
from app.store.queries.registry import GateRow, gates_of, version_of
from app.store.queries.verdicts import verdicts_of
from app.store.tables import AuditEvent
from tests.learning.made import PROJECT, make_frame, make_project, train_on, version_on

STRICT = PROJECT.replace("minimum_gain_over_production = -1.0", "confidence = 0.95")


def project_with(workspace: Workspace, gates: str, *, text: str = PROJECT) -> OpenProject:
    """A committed project with more gates."""
    return make_project(workspace, text.replace("[gates]\n", f"[gates]\n{gates}\n"))


def train(store: Store, project: OpenProject, rounds: int) -> None:
    """One more version."""
    version_on(store, project, make_frame(1500), parameters={"rounds": rounds})


def gate(store: Store, version: int, name: str) -> GateRow:
    """What one gate says of a version."""
    row = version_of(store.reader, "late", version)
    return next(one for one in gates_of(store.reader, row.id) if one.gate == name)


def promote(store: Store, project: OpenProject, version: int) -> registry.Switched:
    """Promote here, as a person would."""
    return registry.promote_here(store, project, "late", version, by="ana", reason="better", typed_name="late")


def test_a_verdict_is_a_row_with_interval_evidence_and_attempt(store: Store, workspace: Workspace) -> None:
    project = make_project(workspace, STRICT)
    train(store, project, 12)
    promote(store, project, 1)

    train(store, project, 8)

    found = gate(store, 2, "production")
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.evidence.startswith("artifact:")
    assert (found.against, found.attempt) == ("late/1", 1)


def test_each_further_challenger_must_show_more(store: Store, workspace: Workspace) -> None:
    project = make_project(workspace, STRICT)
    train(store, project, 12)
    promote(store, project, 1)
    train(store, project, 8)
    alone = gate(store, 2, "production")

    for rounds in (6, 7, 9):
        train(store, project, rounds)
    registry.judge_again(store, project, "late", 2, by="ana")

    among_four = gate(store, 2, "production")
    assert among_four.attempt == 4
    assert among_four.low is not None
    assert alone.low is not None
    assert among_four.low < alone.low
    assert "challenger 4 since the last promotion" in among_four.says


def test_a_challenger_is_judged_again_when_production_has_changed(store: Store, workspace: Workspace) -> None:
    project = make_project(workspace, STRICT)
    train(store, project, 30)
    train(store, project, 1)
    promote(store, project, 1)
    before = gate(store, 2, "production")

    with pytest.raises(Refused, match="production"):
        promote(store, project, 2)

    after = gate(store, 2, "production")
    assert (before.passed, before.against) == (True, "")
    assert (after.passed, after.against) == (False, "late/1")
    history = verdicts_of(store.reader, version_of(store.reader, "late", 2).id, gate="production")
    assert [one.passed for one in history] == [False, True]


def test_a_waiver_lets_a_gate_go_until_its_end(store: Store, workspace: Workspace) -> None:
    project = project_with(workspace, "minimum_value = 0.999")
    train(store, project, 8)

    registry.waive(
        store, "late", 1, "minimum", by="ana", reason="a pilot for one week", until=now() + timedelta(days=7)
    )

    assert gate(store, 1, "minimum").waived.startswith("ana until ")
    assert promote(store, project, 1).version == 1


def test_an_expired_waiver_counts_as_none(store: Store, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_with(workspace, "minimum_value = 0.999")
    train(store, project, 8)
    registry.waive(store, "late", 1, "minimum", by="ana", reason="today", until=now() + timedelta(days=1))

    later = now() + timedelta(days=2)
    monkeypatch.setattr("app.services.registry.promoting.now", lambda: later)
    plan = registry.plan_promotion(store, "late", "late", 1)

    assert not plan.allowed
    assert "minimum" in plan.refusals[0]


@pytest.mark.parametrize("name", ["finite", "package", "commit", "approvals"])
def test_some_gates_cannot_be_waived(store: Store, workspace: Workspace, name: str) -> None:
    train(store, make_project(workspace), 8)

    with pytest.raises(Refused, match="cannot be waived"):
        registry.waive(store, "late", 1, name, by="ana", reason="why", until=now() + timedelta(days=1))


def test_a_waiver_needs_a_reason_an_end_and_a_gate_that_fails(store: Store, workspace: Workspace) -> None:
    train(store, make_project(workspace), 8)
    day = timedelta(days=1)

    with pytest.raises(Refused, match="reason"):
        registry.waive(store, "late", 1, "schema", by="ana", reason=" ", until=now() + day)
    with pytest.raises(BadInput, match="past"):
        registry.waive(store, "late", 1, "schema", by="ana", reason="why", until=now() - day)
    with pytest.raises(BadInput, match="90 days"):
        registry.waive(store, "late", 1, "schema", by="ana", reason="why", until=now() + 91 * day)
    with pytest.raises(Refused, match="nothing to waive"):
        registry.waive(store, "late", 1, "schema", by="ana", reason="why", until=now() + day)


def test_two_people_must_approve_when_the_charter_asks_for_two(store: Store, workspace: Workspace) -> None:
    project = project_with(workspace, "approvals = 2")
    train(store, project, 8)
    with pytest.raises(Refused, match="approvals"):
        promote(store, project, 1)

    registry.approve(store, "late", 1, by="ben", reason="read the card")
    with pytest.raises(Refused, match="already: another"):
        registry.approve(store, "late", 1, by="ben")
    with pytest.raises(Refused, match="approvals"):
        promote(store, project, 1)
    done = registry.approve(store, "late", 1, by="cleo")

    assert done.gate is not None
    assert done.gate.passed
    assert promote(store, project, 1).version == 1
    with store.read() as session:
        events = list(session.execute(select(AuditEvent)).scalars())
    assert [event.actor for event in events if event.action == "model.approved"] == ["ben", "cleo"]
    assert audit.broken_links(events) == []


def test_a_gate_that_the_charter_asks_for_later_counts_at_the_next_promotion(
    store: Store, workspace: Workspace
) -> None:
    train(store, make_project(workspace), 8)

    stricter = project_with(workspace, "approvals = 1\nmaximum_latency_ms = 0.0001")

    with pytest.raises(Refused, match="approvals"):
        promote(store, stricter, 1)


def test_a_declared_gate_without_a_measurement_does_not_pass(store: Store, workspace: Workspace) -> None:
    project = project_with(
        workspace,
        "maximum_fairness_gap = 0.5\ndata_contract = true\ngreen_ci = true\nmaximum_latency_ms = 1000\n"
        "maximum_memory_mb = 4000\nmaximum_slice_loss = 0.1\nminimum_slice_value = 0.5\n"
        "maximum_calibration_error = 0.5\ncard_complete = true",
    )

    train_on(store, project, make_frame())

    verdicts = {one.gate: one for one in gates_of(store.reader, version_of(store.reader, "late", 1).id)}
    failed = {name for name, one in verdicts.items() if not one.passed}
    assert failed == {"fairness", "contract", "card", "ci"}
    assert verdicts["latency"].value is not None
    assert verdicts["memory"].value is not None
    assert "privacy" in verdicts["fairness"].says
