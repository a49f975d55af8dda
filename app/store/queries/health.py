"""Signals of health with their past, and heartbeats: who has fallen silent."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.store.moments import parse_utc, utc_text
from app.store.queries.rows import as_flags, made
from app.store.reader import Reader


@dataclass(frozen=True)
class HealthRow:
    """One signal of health at the last look; no scope means the whole workspace."""

    id: int
    scope: str
    name: str
    kind: str
    value: float | None
    limit_value: float | None
    unit: str
    breached: bool
    severity: str
    says: str
    next_step: str
    in_a_row: int
    since: str
    checked_at: str


@dataclass(frozen=True)
class HeartbeatRow:
    """When a service last said that it works; `silent_s` is None while it is in time or was stopped on purpose."""

    name: str
    at: str
    pid: int
    late_s: float
    says: str
    age_s: float
    silent_s: float | None
    since: str | None = None
    stopped: bool = False

    def silent_at(self, now: datetime) -> float | None:
        """For how many seconds it will have been silent at a later moment, if nothing is heard of it until then.

        Silence counts from the later of the last beat and the last start of its service; a beat that lies in the
        future (the clock was set back) is as bad as a late one.
        """
        age_s = (now - parse_utc(self.at)).total_seconds()
        started_s = (now - parse_utc(self.since)).total_seconds() if self.since else age_s
        waited_s = min(age_s, max(started_s, 0.0)) if age_s >= 0 else -age_s
        return waited_s if waited_s > self.late_s and not self.stopped else None


def health_signals(reader: Reader, *, scope: str | None = None, limit: int = 500) -> list[HealthRow]:
    """The signals of the last look, breached ones first; with a scope those of a project and of the workspace."""
    only = "WHERE scope = :scope OR scope = ''" if scope is not None else ""
    sql = f"""SELECT id, scope, name, kind, value, limit_value, unit, breached, severity, says, next_step, in_a_row,
        since, checked_at FROM health_signal {only} ORDER BY breached DESC, severity, scope, name LIMIT :limit"""  # noqa: S608
    bound: dict[str, Any] = {"limit": limit, **({"scope": scope} if scope is not None else {})}
    return made(HealthRow, (as_flags(row, "breached") for row in reader.rows(sql, bound)))


def health_points(reader: Reader, *, each: int = 60, since: str = "") -> dict[int, list[float]]:
    """The values of every signal after `since` (stored text of a time), oldest first, by its id; the last `each`."""
    sql = """SELECT s.id, p.value FROM health_signal s JOIN health_point p ON p.signal_id = s.id AND p.at > :since
        ORDER BY s.id, p.at"""
    found: dict[int, list[float]] = {}
    for row in reader.rows(sql, {"since": since}):
        found.setdefault(row["id"], []).append(row["value"])
    return {name: values[-each:] for name, values in found.items()}


def points_of(
    reader: Reader, name: str, *, days: float, now: datetime, scope: str = ""
) -> list[tuple[datetime, float]]:
    """The values of one signal over the last days, oldest first."""
    rows = reader.rows(
        "SELECT p.at, p.value FROM health_point p JOIN health_signal s ON s.id = p.signal_id "
        "WHERE s.scope = :scope AND s.name = :name AND p.at > :since ORDER BY p.at",
        {"scope": scope, "name": name, "since": utc_text(now - timedelta(days=days))},
    )
    return [(parse_utc(row["at"]), row["value"]) for row in rows]


def heartbeats(reader: Reader, now: datetime) -> list[HeartbeatRow]:
    """Every heartbeat and whether it is late, by name; a service that was stopped on purpose is not silent."""
    rows = reader.rows(
        "SELECT h.name, h.at, h.pid, h.late_s, h.says, s.state, s.since, s.detail FROM heartbeat h "
        "LEFT JOIN service s ON s.name = h.name ORDER BY h.name"
    )
    stopped = {
        row["name"] for row in reader.rows("SELECT name FROM service WHERE state = 'down' AND detail = 'stopped'")
    }
    found = []
    for row in rows:
        beat = HeartbeatRow(
            row["name"],
            row["at"],
            row["pid"],
            row["late_s"],
            row["says"],
            (now - parse_utc(row["at"])).total_seconds(),
            None,
            row["since"],
            row["name"] in stopped or (row["state"] is None and "watcher" in stopped),
        )
        found.append(replace(beat, silent_s=beat.silent_at(now)))
    return found


def silent(reader: Reader, now: datetime) -> list[HeartbeatRow]:
    """Who should have spoken and has not."""
    return [beat for beat in heartbeats(reader, now) if beat.silent_s is not None]


__all__ = [
    "HealthRow",
    "HeartbeatRow",
    "health_points",
    "health_signals",
    "heartbeats",
    "points_of",
    "silent",
]
