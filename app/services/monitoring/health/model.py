"""The model in production: its age against how models of this project grew stale, and what changed under it."""

import json
import math
import statistics
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.problem import Direction, MetricName
from app.domain.project import Health
from app.domain.states import Severity
from app.services.monitoring.health.value import HealthValue
from app.store.moments import parse_utc
from app.store.queries.content import content_of
from app.store.reader import Reader

DAY_S = 86_400.0
LEAST_POINTS = 4
WATCHED = ("lock_digest", "gpu_driver", "python", "platform")

_PRODUCTION = """
SELECT v.id, v.version, v.created_at, v.profile, m.name AS model, r.environment, r.key AS run FROM model_version v
JOIN model m ON m.id = v.model_id JOIN run r ON r.id = v.run_id
WHERE v.stage = 'production' AND m.project_id = (SELECT id FROM project WHERE name = :project)
"""
_QUALITY = """
SELECT o.version_id, o.window_to, s.value, v.profile FROM monitor_report o
JOIN signal s ON s.report_id = o.id AND s.name = :metric AND s.special IS NULL
JOIN model_version v ON v.id = o.version_id
WHERE o.project_id = (SELECT id FROM project WHERE name = :project) AND o.window_to IS NOT NULL ORDER BY o.id
"""
Point = tuple[float, float]


def model_values(reader: Reader, project: str, metric: MetricName, limits: Health) -> list[HealthValue]:
    """Age and environment of the version in production; nothing when none is."""
    row = reader.one(_PRODUCTION, {"project": project})
    if row is None:
        return []
    return [*_age(reader, project, row, metric, limits), *_environment(reader, project, row)]


def _age(reader: Reader, project: str, row: dict[str, Any], metric: MetricName, limits: Health) -> list[HealthValue]:
    """Days between the end of the training window and the newest window that was answered, by the clock of the data."""
    learned_to = _learned_to(reader, row["profile"])
    newest = reader.value(
        "SELECT max(window_to) FROM prediction_batch WHERE version_id = :version", {"version": row["id"]}
    )
    if learned_to is None or newest is None:
        return []
    age = max((parse_utc(newest) - learned_to).total_seconds() / DAY_S, 0.0)
    points = _ages(reader, project, metric)
    limit = stale_after(points, limits.tolerated_fall)
    says = f"version {row['version']} learned from rows that end {age:,.0f} days before the newest answers"
    if limit is not None:
        says += f"; by {len(points)} windows models here lose {limits.tolerated_fall:g} {metric} in {limit:,.0f} days"
    return [
        HealthValue(
            "model.age",
            "age",
            age,
            limit,
            says,
            "d",
            limit is not None and age >= limit,
            next_step=f"trainmaster train run --project {project}",
            version_id=row["id"],
        )
    ]


def _ages(reader: Reader, project: str, metric: MetricName) -> list[Point]:
    """(days since the training window's end, how much worse than in the version's first window) of each report."""
    first: dict[int, float] = {}
    found: list[Point] = []
    sign = 1.0 if metric.direction is Direction.HIGHER else -1.0
    ends: dict[str, datetime | None] = {}
    for row in reader.rows(_QUALITY, {"project": project, "metric": str(metric)}):
        end = ends.setdefault(row["profile"], _learned_to(reader, row["profile"]))
        if end is None:
            continue
        days = (parse_utc(row["window_to"]) - end).total_seconds() / DAY_S
        if days <= 0:
            continue
        best = first.setdefault(row["version_id"], row["value"])
        found.append((days, sign * (best - row["value"])))
    return found


def stale_after(points: Sequence[Point], tolerated: float) -> float | None:
    """The age in days at which models have lost `tolerated` of their metric, by the measured curve; None if unknown.

    The curve is the median slope (Theil-Sen) of loss over age; fewer than four windows, or models that do not grow
    worse, say nothing.

    >>> stale_after([(30, 0.0), (60, 0.01), (90, 0.02), (120, 0.03)], 0.03)
    120.0
    >>> stale_after([(30, 0.0), (60, -0.01), (90, 0.0), (120, -0.01)], 0.03) is None
    True
    """
    if len(points) < LEAST_POINTS or tolerated <= 0:
        return None
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for at, a in enumerate(points) for b in points[at + 1 :] if b[0] != a[0]]
    slope = statistics.median(slopes) if slopes else 0.0
    if slope <= 1e-9:
        return None
    start = statistics.median(loss - slope * days for days, loss in points)
    days = (tolerated - start) / slope
    return round(days, 6) if math.isfinite(days) and 0 < days < 3650 else None


def _environment(reader: Reader, project: str, row: dict[str, Any]) -> list[HealthValue]:
    """Whether the newest run's lock, driver, interpreter or system differ from those that the version learned under."""
    newest = reader.one(
        "SELECT id, environment FROM run WHERE environment <> '{}' AND project_id = "
        "(SELECT id FROM project WHERE name = :project) ORDER BY id DESC LIMIT 1",
        {"project": project},
    )
    learned = json.loads(row["environment"] or "{}")
    if newest is None or not learned:
        return []
    now = json.loads(newest["environment"])
    found = []
    for name in WATCHED:
        before, after = learned.get(name), now.get(name)
        changed = before is not None and after is not None and before != after
        word = name.removesuffix("_digest")
        says = f"{word} is as it was when version {row['version']} learned"
        if changed:
            says = f"{word} is {str(after)[:40]}, version {row['version']} learned under {str(before)[:40]}"
            bumped = _bumped(learned.get("packages") or {}, now.get("packages") or {}) if word == "lock" else ""
            says += f" ({bumped})" if bumped else ""
        found.append(
            HealthValue(
                f"environment.{word}",
                "environment",
                1.0 if changed else 0.0,
                1.0,
                says,
                breached=changed,
                severity=Severity.WARNING,
                next_step=f"trainmaster runs reproduce {row['run']}" if changed else "",
                run_id=newest["id"] if changed else None,
                version_id=row["id"],
            )
        )
    return found


def _bumped(before: dict[str, str], after: dict[str, str]) -> str:
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name, 'absent')} to {after.get(name, 'absent')}" for name in changed[:4])


def _learned_to(reader: Reader, profile: str) -> datetime | None:
    try:
        window = json.loads(content_of(reader, profile)).get("window")
        return datetime.fromisoformat(str(window[1]).replace("Z", "+00:00")) if window and window[1] else None
    except (ValueError, AttributeError, TypeError, IndexError):
        return None


__all__ = ["model_values", "stale_after"]
