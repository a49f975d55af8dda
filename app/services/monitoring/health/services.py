"""The services and the monitor itself: states, processes, and heartbeats; silence is an alarm."""

import os
from datetime import datetime, timedelta

from sqlmodel import Session

from app.domain.states import ServiceState, Severity
from app.services.monitoring.health.value import HealthValue
from app.store.engine import Store
from app.store.queries.health import heartbeats
from app.store.reader import Reader
from app.store.tables import Heartbeat, Service

LOOKS = 3
"""Looks in a row before silence opens an alert: a laptop that wakes up has everybody late once."""
GRACE = timedelta(seconds=30)


def beat(store: Store, name: str, *, moment: datetime, late_s: float, says: str = "") -> None:
    """Say that this process works now; `late_s` after which silence is an alarm."""
    with store.write() as session:
        write_beat(session, name, moment=moment, late_s=late_s, says=says)


def write_beat(session: Session, name: str, *, moment: datetime, late_s: float, says: str = "") -> None:
    """The same in the transaction of `session`."""
    row = session.get(Heartbeat, name)
    if row is None:
        session.add(Heartbeat(name=name, at=moment, pid=os.getpid(), late_s=late_s, says=says[:500]))
    else:
        row.at, row.pid, row.late_s, row.says = moment, os.getpid(), late_s, says[:500]
        session.add(row)
    session.flush()


def heartbeat_values(reader: Reader, moment: datetime, *, but: frozenset[str] = frozenset()) -> list[HealthValue]:
    """A signal for each heartbeat but those of the caller itself."""
    return [
        HealthValue(
            f"heartbeat.{one.name}",
            "monitor",
            max(one.age_s, 0.0),
            one.late_s,
            f"{one.name} has said nothing for {one.silent_s:,.0f} s"
            if one.silent_s is not None
            else f"{one.name} is in time",
            "s",
            one.silent_s is not None,
            Severity.CRITICAL,
            "trainmaster status",
            looks=LOOKS,
        )
        for one in heartbeats(reader, moment)
        if one.name not in but
    ]


def service_values(services: list[Service], moment: datetime) -> list[HealthValue]:
    """A signal for each supervised process: whether it is up; one that starts has half a minute."""
    found = []
    for row in services:
        bad = row.state in (ServiceState.BACKING_OFF, ServiceState.FAILED) or (
            row.state is ServiceState.STARTING and moment - row.since > GRACE * 4
        )
        found.append(
            HealthValue(
                f"service.{row.name}",
                "service",
                float(row.restarts),
                None,
                f"{row.name} is {row.state}: {row.detail}"[:500] if bad else f"{row.name} is {row.state}",
                breached=bad,
                severity=Severity.CRITICAL,
                next_step="trainmaster up" if bad else "",
                looks=2,
            )
        )
    return found


__all__ = ["beat", "heartbeat_values", "service_values", "write_beat"]
