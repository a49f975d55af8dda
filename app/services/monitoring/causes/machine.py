"""Suspects on the machine: a run that took longer or more than its like, and what its processes did meanwhile."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.services.monitoring.causes.case import Case
from app.services.monitoring.causes.suspects import Suspect, strength
from app.store.reader import Reader

MOST_LIKE = 10


@dataclass(frozen=True)
class Used:
    """What a run used: seconds, processor seconds, bytes moved a second, peak memory, rows that it wrote."""

    key: str
    started_at: str
    finished_at: str | None
    duration_s: float
    cpu_s: float
    moved_bytes: float
    peak_rss_bytes: float
    rows: float

    @property
    def waited_s(self) -> float:
        """Seconds in which no processor worked for it."""
        return max(self.duration_s - self.cpu_s, 0.0)


def machine_suspects(reader: Reader, case: Case) -> list[Suspect]:
    """What the samples of the alert's run say next to those of its like; for other alerts what the machine said."""
    if case.alert.run is None or not case.alert.signal.startswith("run."):
        return _events(reader, case)
    now, like = _used(reader, case.alert.run)
    if now is None or not like:
        return _events(reader, case)
    found = [*_disk(now, like), *_work(now, like), *_beside(reader, now, like)]
    return [*found, *_events(reader, case)]


def _disk(now: Used, like: Sequence[Used]) -> list[Suspect]:
    """It waited longer for the same work: the disk (or what else it waits for) was slow."""
    usual_wait = statistics.median(one.waited_s for one in like)
    usual_cpu = statistics.median(one.cpu_s for one in like)
    spread = max((abs(one.waited_s - usual_wait) for one in like), default=0.0)
    longer = now.waited_s - usual_wait
    worked = now.cpu_s - usual_cpu
    if longer <= 0:
        return []
    share = longer / max(longer + max(worked, 0.0), 1e-9)
    rate, usual_rate = now.moved_bytes / now.duration_s, statistics.median(o.moved_bytes / o.duration_s for o in like)
    says = f"it waited {now.waited_s:,.1f} s for its {now.cpu_s:,.1f} s of work, usually {usual_wait:,.1f} s"
    evidence = [f"read and wrote {rate / 1e6:,.2f} MB/s, usually {usual_rate / 1e6:,.2f} MB/s"]
    score = 0.97 * share * strength(longer, max(spread, 0.1 * max(usual_wait, 0.5)))
    return [
        Suspect("machine", "disk", says, score, now.started_at, tuple(evidence), f"trainmaster runs show {now.key}")
    ]


def _work(now: Used, like: Sequence[Used]) -> list[Suspect]:
    """There was more to do, by rows or by processor seconds."""
    found = []
    rows = statistics.median(one.rows for one in like)
    if rows > 0 and now.rows > rows:
        spread = max(abs(one.rows - rows) for one in like) / rows
        says = f"{now.rows:,.0f} rows, usually {rows:,.0f}"
        score = 0.9 * strength(now.rows / rows - 1, max(spread, 0.2))
        found.append(Suspect("source", "more rows", says, score, now.started_at, (), ""))
    cpu = statistics.median(one.cpu_s for one in like)
    if cpu > 0 and now.cpu_s > cpu:
        spread = max(abs(one.cpu_s - cpu) for one in like) / cpu
        says = f"{now.cpu_s:,.1f} processor seconds, usually {cpu:,.1f}"
        score = 0.7 * strength(now.cpu_s / cpu - 1, max(spread, 0.2))
        found.append(Suspect("run", "more work", says, score, now.started_at, (), ""))
    peak = statistics.median(one.peak_rss_bytes for one in like)
    if peak > 0 and now.peak_rss_bytes > peak:
        says = f"{now.peak_rss_bytes / 1e9:,.2f} GB at its peak, usually {peak / 1e9:,.2f} GB"
        score = 0.6 * strength(now.peak_rss_bytes / peak - 1, 0.3)
        found.append(Suspect("machine", "memory", says, score, now.started_at, (), ""))
    return found


def _beside(reader: Reader, now: Used, like: Sequence[Used]) -> list[Suspect]:
    """Other runs at the same time."""

    def others(one: Used) -> int:
        sql = "SELECT count(*) FROM run WHERE key <> :key AND started_at < :end AND coalesce(finished_at, '9') > :begin"
        end = one.finished_at or "9"
        return int(reader.value(sql, {"key": one.key, "begin": one.started_at, "end": end}) or 0)

    beside, usual = others(now), statistics.median(others(one) for one in like[:4])
    says = f"{beside} other runs at the same time, usually {usual:.0f}"
    score = 0.6 * strength(beside - usual, max(usual, 1.0) * 0.5)
    return [Suspect("run", "runs beside it", says, score, now.started_at, (), "trainmaster runs ls")]


def _events(reader: Reader, case: Case) -> list[Suspect]:
    """What the health of the machine said between the two looks: signals past their limit, runs that broke."""
    bound = {"since": case.since, "until": case.bad.at, "project": case.project}
    found = []
    rows = reader.rows(
        "SELECT signal, says, opened_at FROM alert WHERE report_id IS NULL AND opened_at > :since "
        "AND opened_at <= :until AND key <> :key ORDER BY id DESC LIMIT 5",
        {**bound, "key": case.alert.key},
    )
    for row in rows:
        kind = "environment" if row["signal"].startswith("environment.") else "machine"
        found.append(Suspect(kind, row["signal"], row["says"], 0.4, row["opened_at"], (), ""))
    broken = reader.rows(
        "SELECT key, flow, state, error, finished_at AS at FROM run WHERE state IN ('failed', 'crashed') "
        "AND finished_at > :since AND finished_at <= :until "
        "AND project_id = (SELECT id FROM project WHERE name = :project) "
        "ORDER BY id DESC LIMIT 3",
        bound,
    )
    for row in broken:
        what, command = f"{row['flow']} {row['state']}: {row['error'][:120]}", f"trainmaster runs logs {row['key']}"
        found.append(Suspect("run", f"{row['flow']} {row['key']}", what, 0.38, row["at"], (), command))
    return found


def _used(reader: Reader, key: str) -> tuple[Used | None, list[Used]]:
    """A run, and the completed ones of the same flow and project before it."""
    sql = """SELECT r.key, r.started_at, r.finished_at, r.duration_s, r.peak_rss_bytes,
        (SELECT avg(s.cpu_percent) FROM resource_sample s WHERE s.run_id = r.id AND s.seq > 0) AS cpu_percent,
        (SELECT max(coalesce(s.read_bytes, 0) + coalesce(s.written_bytes, 0)) FROM resource_sample s
         WHERE s.run_id = r.id) AS moved,
        (SELECT max(f.rows) FROM feature_set f WHERE f.run_id = r.id) AS built,
        (SELECT sum(x.rows) FROM snapshot x WHERE x.run_id = r.id) AS taken
      FROM run r, (SELECT id, flow, project_id FROM run WHERE key = :key) one
      WHERE r.flow = one.flow AND r.project_id = one.project_id AND r.id <= one.id AND r.duration_s > 0
        AND (r.id = one.id OR r.state = 'completed') ORDER BY r.id DESC LIMIT :most"""
    used = [_of_row(row) for row in reader.rows(sql, {"key": key, "most": MOST_LIKE + 1})]
    now = next((one for one in used if one.key == key), None)
    return now, [one for one in used if one.key != key]


def _of_row(row: Mapping[str, Any]) -> Used:
    duration = float(row["duration_s"])
    return Used(
        key=row["key"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_s=duration,
        cpu_s=min(float(row["cpu_percent"] or 0.0) / 100 * duration, duration * 64),
        moved_bytes=float(row["moved"] or 0.0),
        peak_rss_bytes=float(row["peak_rss_bytes"] or 0.0),
        rows=float(row["built"] or row["taken"] or 0.0),
    )


__all__ = ["Used", "machine_suspects"]
