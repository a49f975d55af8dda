"""Monitoring: reports on windows, the alerts and decisions that follow, and the events that tell of them."""

from app.services.monitoring.alerts import AlertLine, acknowledge, alerts, find_alert
from app.services.monitoring.outbox import Emit, announce, claim_decision, emit_waiting
from app.services.monitoring.reports import monitor

__all__ = [
    "AlertLine",
    "Emit",
    "acknowledge",
    "alerts",
    "announce",
    "claim_decision",
    "emit_waiting",
    "find_alert",
    "monitor",
]
