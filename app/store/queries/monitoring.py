"""Monitor reports, signals and their history, alerts and decisions."""

from dataclasses import dataclass
from typing import Any

from app.store.queries.alerts import AlertRow, alerts
from app.store.queries.rows import as_flags, made, number, where
from app.store.reader import Reader


@dataclass(frozen=True)
class ReportRow:
    """What one window looked like next to the training profile."""

    key: str
    project: str
    model: str
    version: int
    run: str
    window_from: str | None
    window_to: str | None
    rows: int
    labelled_rows: int
    digest: str
    profile: str
    signals: int
    breached: int
    created_at: str


@dataclass(frozen=True)
class SignalRow:
    """One number against its limit; NaN and infinity come as such."""

    name: str
    kind: str
    feature: str | None
    value: float
    limit_value: float | None
    direction: str
    breached: bool
    slice: str | None = None
    low: float | None = None
    high: float | None = None
    importance: float | None = None
    says: str = ""


@dataclass(frozen=True)
class QualityPoint:
    """One metric in one window: as the labels say, as it was estimated (95 % interval), and if nothing had changed.

    A value is None where it was not computed; `labelled_rows` of `rows` had their label then.
    """

    report: str
    version: int
    window_from: str | None
    window_to: str | None
    rows: int
    labelled_rows: int
    realised: float | None
    limit_value: float | None
    estimated: float | None
    low: float | None
    high: float | None
    constant: float | None


@dataclass(frozen=True)
class SignalPoint:
    """One signal in one report."""

    report: str
    window_from: str | None
    window_to: str | None
    value: float
    limit_value: float | None
    breached: bool
    version: int


@dataclass(frozen=True)
class DecisionRow:
    """Whether an alert started a retrain, and why."""

    key: str
    project: str
    alert: str
    retrain: bool
    reason: str
    decided_at: str
    emitted_at: str | None
    run: str | None


_REPORTS = """
SELECT o.key, p.name AS project, m.name AS model, v.version, r.key AS run, o.window_from, o.window_to, o.rows,
  o.labelled_rows, o.digest, o.profile, o.created_at,
  (SELECT count(*) FROM signal s WHERE s.report_id = o.id) AS signals,
  (SELECT count(*) FROM signal s WHERE s.report_id = o.id AND s.breached) AS breached
FROM monitor_report o JOIN project p ON p.id = o.project_id JOIN model_version v ON v.id = o.version_id
JOIN model m ON m.id = v.model_id JOIN run r ON r.id = o.run_id
"""


def reports(reader: Reader, *, project: str | None = None, limit: int = 50) -> list[ReportRow]:
    """Monitor reports, newest first."""
    conditions, bound = _of_project(project)
    tail = f"{where(conditions)} ORDER BY o.id DESC LIMIT :limit"
    return made(ReportRow, reader.rows(_REPORTS + tail, {**bound, "limit": limit}))


def latest_report(reader: Reader, project: str) -> ReportRow | None:
    """The newest report of a project, or None."""
    found = reports(reader, project=project, limit=1)
    return found[0] if found else None


def signals_of(reader: Reader, report: str) -> list[SignalRow]:
    """The signals of a report, breached ones first."""
    sql = """SELECT s.name, s.kind, s.feature, s.value, s.special, s.limit_value, s.direction, s.breached,
          s.slice, s.low, s.high, s.importance, s.says FROM signal s
        WHERE s.report_id = (SELECT id FROM monitor_report WHERE key = :report) ORDER BY s.breached DESC, s.name"""
    return [
        SignalRow(**_joined(as_flags(row, "breached")))  # the pair value, special becomes one number
        for row in reader.rows(sql, {"report": report})
    ]


def quality_timeline(reader: Reader, project: str, metric: str, *, limit: int = 60) -> list[QualityPoint]:
    """Estimated and realised quality over the windows, oldest first: the newest report of each window and version."""
    sql = """SELECT o.key AS report, v.version, o.window_from, o.window_to, o.rows, o.labelled_rows,
          q.value AS realised, q.limit_value, e.value AS estimated, e.low, e.high, c.value AS constant
        FROM (SELECT max(id) AS id FROM monitor_report WHERE project_id = (SELECT id FROM project WHERE name = :project)
          GROUP BY version_id, window_from, window_to ORDER BY max(id) DESC LIMIT :limit) n
        JOIN monitor_report o ON o.id = n.id JOIN model_version v ON v.id = o.version_id
        LEFT JOIN signal q ON q.report_id = o.id AND q.name = :metric
        LEFT JOIN signal e ON e.report_id = o.id AND e.name = :estimated
        LEFT JOIN signal c ON c.report_id = o.id AND c.name = :constant
        ORDER BY o.window_to, o.id"""
    bound = {"project": project, "metric": metric, "limit": limit}
    names = {"estimated": f"estimated.{metric}", "constant": f"constant.{metric}"}
    return made(QualityPoint, reader.rows(sql, {**bound, **names}))


def signal_history(reader: Reader, project: str, name: str, *, limit: int = 60) -> list[SignalPoint]:
    """One signal over the last reports of a project, oldest first."""
    return signal_histories(reader, project, limit=limit, name=name).get(name, [])


def signal_histories(
    reader: Reader, project: str, *, limit: int = 60, name: str | None = None
) -> dict[str, list[SignalPoint]]:
    """All signals (or one) over the last reports of a project, each oldest first, in one query."""
    only = "AND s.name = :name" if name is not None else ""
    sql = f"""SELECT s.name, o.key AS report, o.window_from, o.window_to, s.value, s.special, s.limit_value, s.breached,
        v.version FROM (SELECT id, key, window_from, window_to, version_id FROM monitor_report
          WHERE project_id = (SELECT id FROM project WHERE name = :project) ORDER BY id DESC LIMIT :limit) o
        JOIN signal s ON s.report_id = o.id {only} JOIN model_version v ON v.id = o.version_id
        ORDER BY o.id, s.name"""  # noqa: S608
    bound: dict[str, Any] = {"project": project, "limit": limit}
    if name is not None:
        bound["name"] = name
    histories: dict[str, list[SignalPoint]] = {}
    for row in reader.rows(sql, bound):
        fields = _joined(as_flags(row, "breached"))
        histories.setdefault(fields.pop("name"), []).append(SignalPoint(**fields))
    return histories


def decisions(reader: Reader, *, project: str | None = None, limit: int = 100) -> list[DecisionRow]:
    """Decisions about alerts, newest first."""
    conditions, bound = _of_project(project)
    sql = f"""SELECT d.key, p.name AS project, a.key AS alert, d.retrain, d.reason, d.decided_at, d.emitted_at,
        r.key AS run FROM decision d JOIN project p ON p.id = d.project_id JOIN alert a ON a.id = d.alert_id
        LEFT JOIN run r ON r.id = d.run_id {where(conditions)} ORDER BY d.id DESC LIMIT :limit"""  # noqa: S608
    rows = reader.rows(sql, {**bound, "limit": limit})
    return made(DecisionRow, (as_flags(row, "retrain") for row in rows))


def _joined(row: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in row.items() if name != "special"}
    return {**fields, "value": number(row["value"], row["special"])}


def _of_project(project: str | None) -> tuple[list[str], dict[str, Any]]:
    return (["p.name = :project"], {"project": project}) if project is not None else ([], {})


__all__ = [
    "AlertRow",
    "DecisionRow",
    "ReportRow",
    "SignalPoint",
    "SignalRow",
    "alerts",
    "decisions",
    "latest_report",
    "reports",
    "signal_histories",
    "signal_history",
    "signals_of",
]
