"""One cheap look at everything: the river, what needs a person, what runs now."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from app.store.queries.audit import EventRow, events
from app.store.queries.runs import RunRow, page_of_runs, run_filter
from app.store.reader import Reader

QUARANTINE_SHARE = 0.05
"""A source with a greater share of its last snapshot in quarantine needs a person."""
MOST_NEEDS = 500
"""So many are looked at before those that belong together become one."""


@dataclass(frozen=True)
class River:
    """The counts along the river: data > features > runs > candidates > champion > serving > drift."""

    sources: int
    snapshots: int
    rows: int
    quarantined_open: int
    data_at: str | None
    features_version: int | None
    features_rows: int | None
    features_at: str | None
    runs_total: int
    runs_running: int
    runs_waiting: int
    runs_failed: int
    candidates: int
    champion_model: str | None
    champion_version: int | None
    champion_since: str | None
    deployment: str | None
    deployment_version: int | None
    deployment_at: str | None
    batches: int
    report: str | None
    report_at: str | None
    signals: int
    signals_breached: int
    open_alerts: int


@dataclass(frozen=True)
class Need:
    """Something that waits for a person: what, since when, and the next command.

    Alerts of one group are one need, and so are the items of one receiver: `group` names it, `others` are the keys
    beside `key`, and `since` is that of the oldest.
    """

    severity: str
    kind: str
    project: str
    key: str
    what: str
    since: str
    next_step: str
    group: str = ""
    others: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all that it speaks of."""
        return (self.key, *self.others)


@dataclass(frozen=True)
class Overview:
    """All of it at one moment."""

    river: River
    needs: tuple[Need, ...]
    running: tuple[RunRow, ...]
    activity: tuple[EventRow, ...]


_RIVER = """
SELECT
  (SELECT count(*) FROM (SELECT 1 FROM snapshot {w} GROUP BY project_id, source) x) AS sources,
  (SELECT count(*) FROM snapshot {w}) AS snapshots,
  (SELECT coalesce(sum(rows), 0) FROM snapshot {w}) AS rows,
  (SELECT count(*) FROM quarantined_row q WHERE q.state = 'open' {q}) AS quarantined_open,
  (SELECT max(created_at) FROM snapshot {w}) AS data_at,
  f.version AS features_version, f.rows AS features_rows, f.created_at AS features_at,
  (SELECT count(*) FROM run {w}) AS runs_total,
  (SELECT count(*) FROM run WHERE state = 'running' {a}) AS runs_running,
  (SELECT count(*) FROM run WHERE state = 'requested' {a}) AS runs_waiting,
  (SELECT count(*) FROM run WHERE state IN ('failed', 'crashed') {a}) AS runs_failed,
  (SELECT count(*) FROM model_version v WHERE v.stage = 'staging' {v}) AS candidates,
  c.model AS champion_model, c.version AS champion_version, c.since AS champion_since,
  d.key AS deployment, d.version AS deployment_version, d.changed_at AS deployment_at,
  (SELECT count(*) FROM prediction_batch {w}) AS batches,
  o.key AS report, o.created_at AS report_at,
  (SELECT count(*) FROM signal s WHERE s.report_id = o.id) AS signals,
  (SELECT count(*) FROM signal s WHERE s.report_id = o.id AND s.breached) AS signals_breached,
  (SELECT count(*) FROM alert WHERE state <> 'resolved' {a}) AS open_alerts
FROM (SELECT 1 AS one) z
LEFT JOIN (SELECT version, rows, created_at FROM feature_set {w} ORDER BY id DESC LIMIT 1) f ON 1 = 1
LEFT JOIN (SELECT m.name AS model, v.version,
    (SELECT max(t.created_at) FROM stage_transition t WHERE t.version_id = v.id AND t.to_stage = 'production') AS since
  FROM model_version v JOIN model m ON m.id = v.model_id
  WHERE v.stage = 'production' {m} ORDER BY v.id DESC LIMIT 1) c ON 1 = 1
LEFT JOIN (SELECT d.key, v.version, d.changed_at FROM deployment d JOIN model_version v ON v.id = d.version_id
  WHERE d.state = 'active' {d} ORDER BY d.id DESC LIMIT 1) d ON 1 = 1
LEFT JOIN (SELECT id, key, created_at FROM monitor_report {w} ORDER BY id DESC LIMIT 1) o ON 1 = 1
"""

_NEEDS = """
SELECT a.severity, 'alert' AS kind, coalesce(p.name, '') AS project, a.key, a.says AS what, a.opened_at AS since,
  'trainmaster alerts ack ' || a.key || ' --reason WHY' AS next_step, a.grouped AS family, '' AS receiver,
  CASE a.severity WHEN 'critical' THEN 0 ELSE 2 END AS rank
FROM alert a LEFT JOIN project p ON p.id = a.project_id WHERE a.state = 'open' {p}
UNION ALL
SELECT 'critical', 'version', p.name, m.name || '/' || v.version, m.name || ' v' || v.version || ' waits for promotion',
  v.created_at, 'trainmaster models promote ' || m.name || ' ' || v.version, '', '', 1
FROM model_version v JOIN model m ON m.id = v.model_id JOIN project p ON p.id = m.project_id
WHERE v.stage = 'staging' AND v.version > coalesce(
  (SELECT b.version FROM model_version b WHERE b.model_id = v.model_id AND b.stage = 'production'), 0)
  AND NOT EXISTS (SELECT 1 FROM gate_result g WHERE g.version_id = v.id AND NOT g.passed) {p}
UNION ALL
SELECT 'warning', 'feedback', p.name, i.key, i.says, i.opened_at, i.next_step, a.grouped, i.receiver, 6
FROM feedback_item i JOIN project p ON p.id = i.project_id JOIN alert a ON a.id = i.alert_id
WHERE i.state = 'open' {p}
UNION ALL
SELECT 'warning', 'decision', p.name, d.key, CASE WHEN d.emitted_at IS NULL THEN 'a retrain waits for the services: '
  ELSE 'a retrain is on its way: ' END || d.reason, d.decided_at, 'trainmaster up', '', '', 2
FROM decision d JOIN project p ON p.id = d.project_id WHERE d.retrain AND d.run_id IS NULL {p}
UNION ALL
SELECT 'critical', 'loop', p.name, d.key, d.reason, d.decided_at, 'trainmaster feedback reset --reason WHY', '', '', 1
FROM project p JOIN decision d ON d.id = (SELECT max(id) FROM decision n WHERE n.project_id = p.id)
WHERE NOT d.retrain AND d.reason LIKE 'the loop is broken%' {p}
UNION ALL
SELECT 'warning', 'run', p.name, r.key, r.flow || ' ' || r.state || ': ' || r.error,
  coalesce(r.finished_at, r.requested_at),
  CASE WHEN r.next_step <> '' THEN r.next_step ELSE 'trainmaster runs logs ' || r.key END, '', '', 3
FROM run r JOIN project p ON p.id = r.project_id
WHERE r.state IN ('failed', 'crashed') {p} AND NOT EXISTS (
  SELECT 1 FROM run n WHERE n.project_id = r.project_id AND n.flow = r.flow AND n.id > r.id AND n.state <> 'requested')
UNION ALL
SELECT 'warning', 'quarantine', p.name, s.source, s.quarantined || ' of ' || s.rows_in || ' rows of ' || s.source
  || ' are in quarantine', s.created_at,
  'trainmaster data quarantine --project ' || p.name || ' --source ' || s.source, '', '', 4
FROM project p JOIN snapshot s ON s.id IN (SELECT max(n.id) FROM snapshot n WHERE n.project_id = p.id GROUP BY n.source)
WHERE s.rows_in > 0 AND s.quarantined > s.rows_in * :share {p}
UNION ALL
SELECT 'warning', 'service', '', x.name, x.name || ' is ' || x.state || ': ' || x.detail, x.since,
  'trainmaster up', '', '', 2
FROM service x WHERE x.state IN ('failed', 'backing-off')
ORDER BY rank, since DESC LIMIT :most
"""


def overview(reader: Reader, *, project: str | None = None, needs: int = 20, activity: int = 8) -> Overview:
    """The whole overview, of one project or of all."""
    return Overview(
        river(reader, project=project),
        tuple(needs_you(reader, project=project, limit=needs)),
        running_now(reader, project=project),
        tuple(events(reader, limit=activity)),
    )


def river(reader: Reader, *, project: str | None = None) -> River:
    """The counts along the river, in one statement."""
    mine = "project_id = (SELECT id FROM project WHERE name = :project)"
    one = project is not None
    sql = _RIVER.format(
        w=f"WHERE {mine}" if one else "",
        a=f"AND {mine}" if one else "",
        q=f"AND q.snapshot_id IN (SELECT id FROM snapshot WHERE {mine})" if one else "",  # noqa: S608
        v=f"AND v.model_id IN (SELECT id FROM model WHERE {mine})" if one else "",  # noqa: S608
        m=f"AND m.{mine}" if one else "",
        d=f"AND d.{mine}" if one else "",
    )
    row = reader.one(sql, {"project": project} if one else {})
    assert row is not None
    return River(**row)


def needs_you(reader: Reader, *, project: str | None = None, limit: int = 20) -> list[Need]:
    """What waits for a person, most urgent first; services belong to every project."""
    bound: dict[str, Any] = {"share": QUARANTINE_SHARE, "most": MOST_NEEDS}
    if project is not None:
        bound["project"] = project
    together: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in reader.rows(_NEEDS.format(p="AND p.name = :project" if project is not None else ""), bound):
        group = row["receiver"] or row["family"]
        together.setdefault((row["kind"], row["project"], group or f"key {row['key']}"), []).append(row)
    return [_need(rows) for rows in list(together.values())[:limit]]


def _need(rows: list[dict[str, Any]]) -> Need:
    """One line for what belongs together; the worst and newest speaks for it."""
    first = rows[0]
    what, step = str(first["what"]), str(first["next_step"])
    others = tuple(str(row["key"]) for row in rows[1:])
    if first["kind"] == "feedback":
        receiver = first["receiver"].replace("_", " ")
        families = Counter(row["family"] for row in rows)
        counted = f" ({', '.join(f'{count} {family}' for family, count in families.items())})" if others else ""
        what = f"{receiver}{counted}: {what}"
        step = f"trainmaster feedback ls --project {first['project']} --for {first['receiver']}" if others else step
    elif others:
        what = f"{len(rows)} of {first['family']}: {what}"
        step = f"trainmaster alerts ls --project {first['project']}" if first["project"] else "trainmaster alerts ls"
    return Need(
        first["severity"], first["kind"], first["project"], first["key"], what,
        min(row["since"] for row in rows), step, first["receiver"] or first["family"], others,
    )  # fmt: skip


def running_now(reader: Reader, *, project: str | None = None, limit: int = 20) -> tuple[RunRow, ...]:
    """Runs that run or wait, newest first."""
    unfinished = run_filter("state:running | state:requested")
    return page_of_runs(reader, project=project, where=unfinished, limit=limit).rows
