"""Monitoring: reports on windows, the alerts and decisions that follow, and the events that tell of them."""

from app.services.monitoring.alerts import AlertChanged, acknowledge, assign, find_alert, mute, resolve
from app.services.monitoring.outbox import Emit, announce, claim_decision, count_waiting, emit_waiting
from app.services.monitoring.reports import monitor
from app.store.queries.alerts import alerts

__all__ = [
    "AlertChanged",
    "Emit",
    "acknowledge",
    "alerts",
    "announce",
    "assign",
    "claim_decision",
    "count_waiting",
    "emit_waiting",
    "find_alert",
    "monitor",
    "mute",
    "resolve",
]
