"""Alerts, what they point to, and who was told of them."""

from dataclasses import dataclass
from typing import Any

from app.domain.errors import NotFound, Usage
from app.store.queries.rows import made, where
from app.store.reader import Reader


@dataclass(frozen=True)
class AlertRow:
    """An alert and what it is about; one of the machine or the services has no project, model, version or report."""

    key: str
    project: str
    model: str
    version: int
    report: str
    signal: str
    severity: str
    state: str
    says: str
    seen: int
    opened_at: str
    last_seen_at: str
    acknowledged_by: str | None
    acknowledged_until: str | None
    acknowledged_reason: str
    resolved_at: str | None
    kind: str = "drift"
    feature: str | None = None
    slice: str | None = None
    source: str | None = None
    run: str | None = None
    rows: int | None = None
    window_from: str | None = None
    window_to: str | None = None
    value: float | None = None
    limit_value: float | None = None
    grouped: str = ""
    owner: str | None = None
    next_step: str = ""
    quiet: int = 0
    muted_by: str | None = None
    muted_until: str | None = None
    muted_reason: str = ""
    resolved_by: str | None = None
    resolved_reason: str = ""


@dataclass(frozen=True)
class NoticeRow:
    """What a hook was to tell, and how it went; `alerts` is a JSON list of keys."""

    key: str
    project: str
    hook: str
    event: str
    grouped: str
    alerts: str
    state: str
    tries: int
    next_at: str
    last_error: str
    created_at: str
    sent_at: str | None


_ALERTS = """
SELECT a.key, coalesce(p.name, '') AS project, coalesce(m.name, '') AS model, coalesce(v.version, 0) AS version,
  coalesce(o.key, '') AS report, a.signal, a.severity, a.state, a.says, a.seen, a.opened_at, a.last_seen_at,
  a.acknowledged_by, a.acknowledged_until, a.acknowledged_reason, a.resolved_at, a.kind, a.feature, a.slice, a.source,
  r.key AS run, a.rows, a.window_from, a.window_to, a.value, a.limit_value, a.grouped, a.owner, a.next_step, a.quiet,
  a.muted_by, a.muted_until, a.muted_reason, a.resolved_by, a.resolved_reason
FROM alert a LEFT JOIN project p ON p.id = a.project_id LEFT JOIN model_version v ON v.id = a.version_id
LEFT JOIN model m ON m.id = v.model_id LEFT JOIN monitor_report o ON o.id = a.report_id
LEFT JOIN run r ON r.id = a.run_id
"""
_ORDER = """ ORDER BY CASE a.state WHEN 'open' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END, a.id DESC LIMIT :limit"""


def alerts(
    reader: Reader, *, project: str | None = None, unresolved_only: bool = False, limit: int = 100
) -> list[AlertRow]:
    """Alerts: open first, then acknowledged, then resolved; newest first among each.

    With a project those of the whole workspace (machine and services) are left out.
    """
    conditions: list[str] = []
    bound: dict[str, Any] = {"limit": limit}
    if project is not None:
        conditions.append("p.name = :project")
        bound["project"] = project
    if unresolved_only:
        conditions.append("a.state <> 'resolved'")
    return made(AlertRow, reader.rows(f"{_ALERTS} {where(conditions)} {_ORDER}", bound))


def alert_of(reader: Reader, key: str) -> AlertRow:
    """The alert with a key, or an unambiguous beginning of one; raises NotFound or Usage."""
    found = made(
        AlertRow,
        reader.rows(
            f"{_ALERTS} WHERE a.key >= :key AND a.key < :after {_ORDER}", {"key": key, "after": key + "~", "limit": 2}
        ),
    )
    if not key or not found:
        raise NotFound(f"no alert begins with {key!r}", next_step="trainmaster alerts ls --all")
    if len(found) > 1:
        raise Usage(f"more than one alert begins with {key!r}", next_step="trainmaster alerts ls --all")
    return found[0]


def notices_of(reader: Reader, alert: str | None = None, *, limit: int = 50) -> list[NoticeRow]:
    """What hooks were to tell (of one alert), newest first."""
    only = "WHERE n.alerts LIKE :alert" if alert is not None else ""
    sql = f"""SELECT n.key, coalesce(p.name, '') AS project, n.hook, n.event, n.grouped, n.alerts, n.state, n.tries,
        n.next_at, n.last_error, n.created_at, n.sent_at FROM notice n LEFT JOIN project p ON p.id = n.project_id
        {only} ORDER BY n.id DESC LIMIT :limit"""  # noqa: S608
    bound: dict[str, Any] = {"limit": limit, **({"alert": f'%"{alert}"%'} if alert is not None else {})}
    return made(NoticeRow, reader.rows(sql, bound))


__all__ = ["AlertRow", "NoticeRow", "alert_of", "alerts", "notices_of"]
