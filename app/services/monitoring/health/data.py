"""Freshness of sources and views, and columns that came or went."""

import itertools
import json
import statistics
from datetime import datetime
from typing import Any

from app.domain.project import Health, ProjectFile
from app.services.data.freshness import source_ages
from app.services.monitoring.health.value import HealthValue
from app.store.moments import parse_utc
from app.store.reader import Reader

LEAST_SNAPSHOTS = 4
LEAST_HOURS = 24.0

_SNAPSHOTS = """
SELECT source, key, created_at, columns FROM (
  SELECT s.*, row_number() OVER (PARTITION BY s.source ORDER BY s.id DESC) AS place FROM snapshot s
  WHERE s.project_id = (SELECT id FROM project WHERE name = :project)) newest
WHERE place <= 12 ORDER BY source, created_at
"""


def source_values(reader: Reader, file: ProjectFile, limits: Health, now: datetime) -> list[HealthValue]:
    """How long each source has been silent (or how old its newest row is, where `max_age_hours` says a limit).

    Without a limit of its own a source is late when it is silent for `source_late_factor` times its usual pause, a day
    at least; with fewer than four deliveries nothing is usual yet.
    """
    found = []
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in reader.rows(_SNAPSHOTS, {"project": file.name}):
        by_source.setdefault(row["source"], []).append(row)
    ages = source_ages(reader, file, at=now)
    for name in file.sources:
        rows = by_source.get(name, [])
        if not rows:
            continue
        last = rows[-1]
        age = ages[name]
        if age.limit_h is not None and age.age_h is not None:
            hours, limit, says, late = age.age_h, age.limit_h, age.says, age.is_stale
        else:
            hours = (now - parse_utc(last["created_at"])).total_seconds() / 3600
            pause = _usual_pause_h(rows)
            limit = max(pause * limits.source_late_factor, LEAST_HOURS) if pause is not None else None
            says = f"{name} delivered {hours:,.1f} h ago" + (f", usually every {pause:,.1f} h" if pause else "")
            late = limit is not None and hours >= limit
        command = f"trainmaster data ls --project {file.name}"
        found.append(
            HealthValue(f"freshness.{name}", "freshness", hours, limit, says, "h", late, next_step=command, source=name)
        )
        found += _schema(file.name, name, rows)
    return found


def feature_values(reader: Reader, project: str, limits: Health, now: datetime) -> list[HealthValue]:
    """How long the newest data has waited to become features, and how long the newest features to be looked at."""
    row = reader.one(
        """SELECT (SELECT max(created_at) FROM snapshot WHERE project_id = p.id) AS data,
        (SELECT max(created_at) FROM feature_set WHERE project_id = p.id) AS features,
        (SELECT max(created_at) FROM online_publish WHERE project_id = p.id) AS online,
        (SELECT max(started_at) FROM run r WHERE r.project_id = p.id AND r.flow = 'monitor'
         AND r.state = 'completed') AS looked,
        (SELECT count(*) FROM model_version v JOIN model m ON m.id = v.model_id WHERE m.project_id = p.id
         AND v.stage = 'production') AS serving FROM project p WHERE p.name = :project""",
        {"project": project},
    )
    if row is None:
        return []
    found = []
    for name, begun, done, limit_h, says, command in (
        ("freshness.features", row["data"], row["features"], limits.features_behind_hours,
         "new data waits to become features", f"trainmaster features build --project {project}"),
        ("freshness.online", row["features"] if row["online"] else None, row["online"], limits.features_behind_hours,
         "new features wait to go online", f"trainmaster features materialize --project {project}"),
        ("monitor.behind", row["features"] if row["serving"] else None, row["looked"], limits.monitor_behind_hours,
         "the monitor has not looked at the newest features", f"trainmaster monitor run --project {project}"),
    ):  # fmt: skip
        if begun is None:
            continue
        waits = done is None or done < begun
        hours = max((now - parse_utc(begun)).total_seconds() / 3600, 0.0) if waits else 0.0
        kind = "monitor" if name.startswith("monitor") else "freshness"
        words = f"{says} since {hours:,.1f} h" if waits else "up to date"
        found.append(HealthValue(name, kind, hours, limit_h, words, "h", hours >= limit_h, next_step=command))
    return found


def _usual_pause_h(rows: list[dict[str, Any]]) -> float | None:
    moments = sorted({parse_utc(row["created_at"]) for row in rows})
    if len(moments) < LEAST_SNAPSHOTS:
        return None
    return statistics.median((b - a).total_seconds() for a, b in itertools.pairwise(moments)) / 3600


def _schema(project: str, source: str, rows: list[dict[str, Any]]) -> list[HealthValue]:
    """Whether the newest delivery has other columns than the one before."""
    if len(rows) < 2:
        return []
    before, after = ({(c["name"], c["type"]) for c in json.loads(row["columns"])} for row in rows[-2:])
    gone, new = sorted(name for name, _ in before - after), sorted(name for name, _ in after - before)
    says = "the columns are as before"
    if gone or new:
        says = "; ".join(
            part
            for part in (
                f"changed: {', '.join(sorted(set(gone) & set(new)))}" if set(gone) & set(new) else "",
                f"new: {', '.join(sorted(set(new) - set(gone)))}" if set(new) - set(gone) else "",
                f"gone: {', '.join(sorted(set(gone) - set(new)))}" if set(gone) - set(new) else "",
            )
            if part
        )
    count = float(len(set(gone) | set(new)))
    command = f"trainmaster data profile {rows[-1]['key']} --project {project}"
    return [
        HealthValue(
            f"schema.{source}", "data", count, 1.0, f"{source}: {says}", breached=count > 0, next_step=command,
            source=source,
        )
    ]  # fmt: skip


__all__ = ["feature_values", "source_values"]
