"""Orchestration and CI: runs that fail, crash, come late, stand still, take too long or too much; red commits."""

import statistics
from datetime import datetime
from typing import Any

from app.domain.project import Health
from app.domain.states import Severity
from app.domain.text import visible
from app.services.monitoring.health.value import HealthValue
from app.store.moments import parse_utc
from app.store.reader import Reader

MOST_LIKE = 10
LEAST_LIKE = 3

_RUNS = """
SELECT id, key, flow, state, requested_at, started_at, finished_at, duration_s, peak_rss_bytes, error, next_step FROM (
  SELECT r.*, row_number() OVER (PARTITION BY r.flow ORDER BY r.id DESC) AS place FROM run r
  WHERE r.project_id = (SELECT id FROM project WHERE name = :project)) newest
WHERE place <= :most ORDER BY flow, id DESC
"""


def run_values(reader: Reader, project: str, limits: Health, now: datetime) -> list[HealthValue]:
    """Signals of a project's flows: of each the newest runs."""
    flows: dict[str, list[dict[str, Any]]] = {}
    for row in reader.rows(_RUNS, {"project": project, "most": MOST_LIKE + 3}):
        flows.setdefault(row["flow"], []).append(row)
    found: list[HealthValue] = []
    for flow, runs in flows.items():
        ended = [run for run in runs if run["state"] in ("completed", "failed", "crashed")]
        good = [run for run in runs if run["state"] == "completed" and run["duration_s"]]
        found.append(_failed(flow, ended))
        found.append(_late(flow, runs, limits, now))
        found += _stuck(flow, runs, good, limits, now)
        found += _slow(flow, good, limits)
    return found


def ci_values(reader: Reader, project: str) -> list[HealthValue]:
    """Whether the newest commit that CI judged is red, a branch."""
    rows = reader.rows(
        'SELECT branch, verdict, stage, reason, author, "commit" AS sha, run_id FROM ci_verdict WHERE project_id = '
        "(SELECT id FROM project WHERE name = :project) ORDER BY id DESC LIMIT 50",
        {"project": project},
    )
    newest: dict[str, dict[str, Any]] = {}
    for row in rows:
        newest.setdefault(row["branch"], row)
    found = []
    for branch, row in newest.items():
        red = row["verdict"] == "red"
        who = f"{row['sha'][:12]} by {visible(row['author'], longest=60)}"
        says = f"{who} is red in {row['stage']}: {visible(row['reason'], longest=200)}" if red else f"{who} is green"
        found.append(
            HealthValue(
                f"ci.{visible(branch, longest=100) or 'main'}",
                "ci",
                1.0 if red else 0.0,
                1.0,
                says,
                breached=red,
                next_step=f"trainmaster ci ls --project {project}",
                run_id=row["run_id"],
            )
        )
    return found


def _failed(flow: str, ended: list[dict[str, Any]]) -> HealthValue:
    """How many runs in a row have failed or crashed."""
    in_a_row = 0
    for run in ended:
        if run["state"] == "completed":
            break
        in_a_row += 1
    last = ended[0] if ended else None
    bad = last is not None and in_a_row > 0
    says = f"{flow} {last['state']}: {visible(last['error'], longest=200)}" if bad and last else f"{flow} ends well"
    if in_a_row > 1:
        says = f"{in_a_row} times in a row, {says}"
    return HealthValue(
        f"run.{flow}.failed",
        "orchestration",
        float(in_a_row),
        1.0,
        says,
        breached=bad,
        severity=Severity.CRITICAL if in_a_row >= 3 else Severity.WARNING,
        next_step=(last["next_step"] or f"trainmaster runs logs {last['key']}") if bad and last else "",
        run_id=last["id"] if bad and last else None,
    )


def _late(flow: str, runs: list[dict[str, Any]], limits: Health, now: datetime) -> HealthValue:
    """How long a run that was asked for has waited to begin."""
    waiting = [run for run in runs if run["state"] == "requested"]
    minutes = max(((now - parse_utc(run["requested_at"])).total_seconds() / 60 for run in waiting), default=0.0)
    late = minutes >= limits.run_late_minutes
    says = f"{flow} waits to begin since {minutes:.0f} minutes" if waiting else f"no run of {flow} waits"
    return HealthValue(
        f"run.{flow}.late",
        "orchestration",
        max(minutes * 60, 0.0),
        limits.run_late_minutes * 60,
        says,
        "s",
        late,
        next_step="trainmaster status" if late else "",
        run_id=waiting[-1]["id"] if late else None,
    )


def _stuck(
    flow: str, runs: list[dict[str, Any]], good: list[dict[str, Any]], limits: Health, now: datetime
) -> list[HealthValue]:
    """A run that goes on for many times its usual duration."""
    usual = statistics.median(run["duration_s"] for run in good) if len(good) >= LEAST_LIKE else None
    running = [run for run in runs if run["state"] == "running" and run["started_at"]]
    if usual is None:
        return []
    limit_s = max(usual * limits.run_stuck_factor, limits.run_least_s)
    longest = max(running, key=lambda run: now - parse_utc(run["started_at"]), default=None)
    lasted_s = (now - parse_utc(longest["started_at"])).total_seconds() if longest else 0.0
    stuck = lasted_s >= limit_s
    says = f"{flow} runs since {lasted_s:,.0f} s, usually {usual:,.0f} s" if longest else f"no run of {flow} is stuck"
    return [
        HealthValue(
            f"run.{flow}.stuck",
            "orchestration",
            max(lasted_s, 0.0),
            limit_s,
            says,
            "s",
            stuck,
            next_step=f"trainmaster runs logs {longest['key']}" if stuck and longest else "",
            run_id=longest["id"] if stuck and longest else None,
        )
    ]


def _slow(flow: str, good: list[dict[str, Any]], limits: Health) -> list[HealthValue]:
    """Duration and peak memory of the newest completed run next to those before it."""
    if len(good) <= LEAST_LIKE:
        return []
    last, before = good[0], good[1:]
    usual = statistics.median(run["duration_s"] for run in before)
    limit_s = max(usual * limits.run_slow_factor, limits.run_least_s)
    found = [
        HealthValue(
            f"run.{flow}.duration",
            "orchestration",
            last["duration_s"],
            limit_s,
            f"{flow} took {last['duration_s']:,.1f} s, usually {usual:,.1f} s",
            "s",
            last["duration_s"] >= limit_s,
            next_step=f"trainmaster runs show {last['key']}",
            run_id=last["id"],
        )
    ]
    peaks = [run["peak_rss_bytes"] for run in before if run["peak_rss_bytes"]]
    if last["peak_rss_bytes"] and peaks:
        usual_peak = statistics.median(peaks)
        limit = max(usual_peak * limits.run_memory_factor, 512 * 2**20)
        found.append(
            HealthValue(
                f"run.{flow}.memory",
                "orchestration",
                float(last["peak_rss_bytes"]),
                limit,
                f"{flow} took {last['peak_rss_bytes'] / 2**20:,.0f} MB, usually {usual_peak / 2**20:,.0f} MB",
                "bytes",
                last["peak_rss_bytes"] >= limit,
                next_step=f"trainmaster runs show {last['key']}",
                run_id=last["id"],
            )
        )
    return found


__all__ = ["ci_values", "run_values"]
