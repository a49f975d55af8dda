"""Health: machine, runs, CI, freshness, age, services and the monitor itself; the watcher looks, alerts follow."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import TrainmasterError
from app.domain.workspace import Workspace
from app.machine.sampler import MachineSample, sample_machine
from app.services.monitoring.health.data import feature_values, source_values
from app.services.monitoring.health.machine import machine_values
from app.services.monitoring.health.model import model_values
from app.services.monitoring.health.recording import prune, record
from app.services.monitoring.health.runs import ci_values, run_values
from app.services.monitoring.health.services import beat, heartbeat_values, service_values, write_beat
from app.services.monitoring.health.serving import Gateway, serving_values
from app.services.monitoring.health.value import HealthValue
from app.services.monitoring.rules import rules_of
from app.services.workspaces import now, open_project, project_names
from app.store.engine import Store
from app.store.queries.health import points_of, silent
from app.store.tables import Service

SELF = "health"
FORECAST_DAYS = 3.0


@dataclass(frozen=True)
class Looked:
    """What one look found: signals, those past their limit, and the alerts that were opened (keys)."""

    signals: int
    breached: tuple[str, ...]
    opened: tuple[str, ...]

    @property
    def says(self) -> str:
        """One line."""
        past = f", past their limit: {', '.join(self.breached[:5])}" if self.breached else ""
        return f"{self.signals} signals of health{past}"


def look(
    store: Store,
    workspace: Workspace,
    *,
    sample: MachineSample | None = None,
    moment: datetime | None = None,
    gateway: Gateway | None = None,
) -> Looked:
    """Look at everything that is not data, and write signals, points and alerts; each project is one transaction.

    A project whose project.toml cannot be read is looked at with the default limits. `gateway` knows what it had
    answered at the look before; without it serving is not looked at.
    """
    at = moment or now()
    reading = sample or sample_machine(workspace.root)
    everywhere = rules_of(workspace, None)
    opened: list[str] = []
    names: list[str] = []
    count = 0
    reader = store.reader
    with store.read() as session:
        services = list(session.execute(select(Service).order_by(col(Service.name))).scalars())
    values = [
        *machine_values(reading, _disk_points(store, at), everywhere.health),
        *_disk_bytes(reading),
        *service_values(services, at),
        *heartbeat_values(reader, at, but=frozenset({SELF})),
        *serving_values(gateway.since_last() if gateway is not None else None, everywhere.health),
    ]
    with store.write() as session:
        opened += record(session, "", values, everywhere, at)
        write_beat(session, SELF, moment=at, late_s=everywhere.health.heartbeat_s, says=f"{len(values)} signals")
        if at.minute == 0:
            prune(session, at)
    names += [value.name for value in values if value.breached]
    count += len(values)
    for project in project_names(workspace):
        found = project_values(store, workspace, project, at)
        if not found:
            continue
        with store.write() as session:
            opened += record(session, project, found, rules_of(workspace, project), at)
        names += [f"{project}/{value.name}" for value in found if value.breached]
        count += len(found)
    return Looked(count, tuple(names), tuple(opened))


def project_values(store: Store, workspace: Workspace, project: str, moment: datetime) -> list[HealthValue]:
    """The signals of one project."""
    reader, rules = store.reader, rules_of(workspace, project)
    found = [
        *run_values(reader, project, rules.health, moment),
        *ci_values(reader, project),
        *feature_values(reader, project, rules.health, moment),
    ]
    try:
        file = open_project(workspace, project).file
    except TrainmasterError:
        return found
    return [
        *found,
        *source_values(reader, file, rules.health, moment),
        *model_values(reader, project, file.problem.judged_by, rules.health),
    ]


def watch_the_watcher(store: Store, workspace: Workspace, *, moment: datetime | None = None) -> tuple[str, ...]:
    """What somebody else than the watcher does: raise (or end) the alarm about heartbeats; gives the alerts opened.

    It reads, and writes only when somebody is silent or an alarm about silence stands.
    """
    at = moment or now()
    values = [value for value in heartbeat_values(store.reader, at) if value.name != "heartbeat.supervisor"]
    stands = store.reader.value(
        "SELECT count(*) FROM alert WHERE state <> 'resolved' AND project_id IS NULL AND signal LIKE 'heartbeat.%'"
    )
    counting = store.reader.value(
        "SELECT count(*) FROM health_signal WHERE scope = '' AND name LIKE 'heartbeat.%' AND breached"
    )
    if not stands and not counting and not any(value.breached for value in values):
        return ()
    with store.write() as session:
        return record(session, "", values, rules_of(workspace, None), at, whole=False)


def _disk_points(store: Store, at: datetime) -> list[tuple[datetime, float]]:
    return points_of(store.reader, "machine.disk_used", days=FORECAST_DAYS, now=at)


def _disk_bytes(sample: MachineSample) -> list[HealthValue]:
    used = sample.disk_used_bytes
    return [
        HealthValue(
            "machine.disk_used", "machine", None if used is None else float(used), None, "bytes in use", "bytes"
        )
    ]


__all__ = [
    "SELF",
    "Gateway",
    "HealthValue",
    "Looked",
    "beat",
    "look",
    "project_values",
    "record",
    "silent",
    "watch_the_watcher",
]
