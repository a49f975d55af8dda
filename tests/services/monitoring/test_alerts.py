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


def test_an_acknowledged_alert_stays_and_starts_no_retrain(april: Workspace, april_store: Store) -> None:
    (alert,) = alerts(april_store.reader)
    acknowledge(april_store, alert.key[:6], by="ana", reason="the strike", until=now() + timedelta(days=1))

    found = arrive(april, Month(5, meaning=0.1))

    (kept,) = alerts(april_store.reader)
    assert (kept.state, kept.acknowledged_by, kept.seen) == ("acknowledged", "ana", 2)
    assert found["decisions"][0][1] is False
    assert "acknowledged" in decisions(april_store.reader)[0].reason


def test_an_acknowledgement_needs_a_reason_a_future_and_an_alert(april: Workspace, april_store: Store) -> None:
    (alert,) = alerts(april_store.reader)

    with pytest.raises(Usage, match="reason"):
        acknowledge(april_store, alert.key, by="ana", reason=" ", until=now() + timedelta(days=1))
    with pytest.raises(Usage, match="past"):
        acknowledge(april_store, alert.key, by="ana", reason="why", until=now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        acknowledge(april_store, "nothing", by="ana", reason="why", until=now() + timedelta(days=1))
