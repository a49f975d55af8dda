"""Monitoring: reports on windows, the alerts and decisions that follow, and the events that tell of them."""

from app.services.monitoring.alerts import acknowledge, find_alert
from app.services.monitoring.outbox import Emit, announce, claim_decision, count_waiting, emit_waiting
from app.services.monitoring.reports import monitor
from app.store.queries.monitoring import alerts

__all__ = [
    "Emit",
    "acknowledge",
    "alerts",
    "announce",
    "claim_decision",
    "count_waiting",
    "emit_waiting",
    "find_alert",
    "monitor",
]
