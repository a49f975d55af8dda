"""Signals of health, their past, heartbeats, and an estimate beside what was realised, for the screens."""

import math
from datetime import timedelta

from sqlmodel import Session

from app.domain.states import Severity
from app.store.tables import HealthPoint, HealthSignal, Heartbeat, Signal
from tests.tui.seed_words import NOW, ago

ROWS = (
    ("", "machine.cpu", "machine", 37.0, 98.0, "%", False, "the processors are busy: 37 %", 20.0),
    ("", "machine.memory", "machine", 58.0, 95.0, "%", False, "58 % of memory is in use", 3.0),
    ("", "machine.disk", "machine", 58.0, 92.0, "%", False, "58 % of the disk is in use", 0.5),
    ("", "machine.disk_full_in", "machine", 2.2, 3.0, "d", True, "the disk is full in 2.2 days at this pace", 0.4),
    ("", "heartbeat.watcher", "monitor", 4.0, 60.0, "s", False, "watcher is in time", 2.0),
    ("flight-delay", "freshness.flights", "freshness", 30.0, 24.0, "h", True, "flights delivered 30.0 h ago", 9.0),
    ("flight-delay", "run.train.duration", "orchestration", 41.0, 120.0, "s", False, "train took 41.0 s", 4.0),
    ("flight-delay", "ci.main", "ci", 1.0, 1.0, "", True, "9c1e2f by ana is red in unit tests", 0.0),
    ("flight-delay", "model.age", "age", 92.0, 118.0, "d", False, "version 3 is 92 days old", 0.0),
)  # fmt: skip


def seed_health(session: Session, report_ids: list[int]) -> None:
    """Write them."""
    for scope, name, kind, value, limit, unit, breached, says, swing in ROWS:
        row = HealthSignal(
            scope=scope, name=name, kind=kind, value=value, limit_value=limit, unit=unit, breached=breached,
            severity=Severity.CRITICAL if name == "machine.disk_full_in" else Severity.WARNING, says=says,
            next_step="trainmaster store gc" if name.startswith("machine.disk") else "", in_a_row=12,
            since=ago(minutes=40), checked_at=ago(seconds=8),
        )  # fmt: skip
        session.add(row)
        session.flush()
        for at in range(30):
            moment = NOW - timedelta(minutes=30 - at)
            session.add(HealthPoint(signal_id=row.id or 0, at=moment, value=value + swing * math.sin(at / 4)))
    session.add(Heartbeat(name="watcher", at=ago(seconds=4), pid=4103, late_s=60.0))
    session.add(Heartbeat(name="health", at=ago(seconds=8), pid=4103, late_s=60.0))
    for at, report in enumerate(report_ids):
        session.add(
            Signal(
                report_id=report, name="estimated.auc", kind="estimate", value=0.725 - at * 0.004, limit_value=0.70,
                direction="higher", breached=0.725 - at * 0.004 < 0.70,
            )
        )  # fmt: skip
    session.flush()


__all__ = ["seed_health"]
