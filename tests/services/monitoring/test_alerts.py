"""Acknowledging an alert."""

from datetime import timedelta

import pytest

from app.domain.errors import NotFound, Usage
from app.domain.workspace import Workspace
from app.services.monitoring import acknowledge
from app.services.workspaces import now
from app.store.engine import Store
from app.store.queries.monitoring import alerts, decisions
from tests.monthly import Month, arrive


def test_an_acknowledged_alert_stays_and_starts_no_retrain(quarter: Workspace, quarter_store: Store) -> None:
    arrive(quarter, Month(4, meaning=0.1))
    (alert,) = alerts(quarter_store.reader)
    acknowledge(quarter_store, alert.key[:6], by="ana", reason="the strike", until=now() + timedelta(days=1))

    found = arrive(quarter, Month(5, meaning=0.1))

    (kept,) = alerts(quarter_store.reader)
    assert (kept.state, kept.acknowledged_by, kept.seen) == ("acknowledged", "ana", 2)
    assert found["decisions"][0][1] is False
    assert "acknowledged" in decisions(quarter_store.reader)[0].reason


def test_an_acknowledgement_needs_a_reason_a_future_and_an_alert(quarter: Workspace, quarter_store: Store) -> None:
    arrive(quarter, Month(4, meaning=0.1))
    (alert,) = alerts(quarter_store.reader)

    with pytest.raises(Usage, match="reason"):
        acknowledge(quarter_store, alert.key, by="ana", reason=" ", until=now() + timedelta(days=1))
    with pytest.raises(Usage, match="past"):
        acknowledge(quarter_store, alert.key, by="ana", reason="why", until=now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        acknowledge(quarter_store, "nothing", by="ana", reason="why", until=now() + timedelta(days=1))
