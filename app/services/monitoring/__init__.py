"""Monitoring: reports on windows, the alerts and decisions that follow, and the events that tell of them.

Names are looked up when they are asked for: who only reads (root cause, the dashboard) loads none of the writers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.services.monitoring.alerts import AlertChanged, acknowledge, assign, find_alert, mute, resolve
    from app.services.monitoring.outbox import Emit, announce, claim_decision, count_waiting, emit_waiting
    from app.services.monitoring.owed import owed_windows
    from app.services.monitoring.reports import monitor

_STANDS_IN = {
    "alerts": ("AlertChanged", "acknowledge", "assign", "find_alert", "mute", "resolve"),
    "outbox": ("Emit", "announce", "claim_decision", "count_waiting", "emit_waiting"),
    "owed": ("owed_windows",),
    "reports": ("monitor",),
}


def __getattr__(name: str) -> Any:
    for module, names in _STANDS_IN.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AlertChanged",
    "Emit",
    "acknowledge",
    "announce",
    "assign",
    "claim_decision",
    "count_waiting",
    "emit_waiting",
    "find_alert",
    "monitor",
    "mute",
    "owed_windows",
    "resolve",
]
