"""The case: the first bad look and the last good one before it, with versions, features and runs of both."""

import json
from dataclasses import dataclass
from typing import Any

from app.domain.errors import TrainmasterError
from app.store.queries.alerts import AlertRow
from app.store.queries.content import content_of
from app.store.reader import Reader


@dataclass(frozen=True)
class Look:
    """One report, or (for an alert without a report) one run: when, by which version, features and run."""

    at: str
    report: str | None = None
    run: str | None = None
    version: int | None = None
    version_key: str = ""
    features: int | None = None
    profile: str | None = None
    window_from: str | None = None
    window_to: str | None = None

    @property
    def says(self) -> str:
        """The window in a few letters."""
        if self.window_from and self.window_to:
            return f"{self.window_from[:10]} to {self.window_to[:10]}"
        return self.at[:16].replace("T", " ")


@dataclass(frozen=True)
class Case:
    """An alert with the look at which its signal was last good (None when it never was) and first bad."""

    alert: AlertRow
    project: str
    good: Look | None
    bad: Look

    @property
    def since(self) -> str:
        """From when on something may have happened: after the last good look, or from the beginning."""
        return self.good.at if self.good is not None else ""


_LOOKS = """
SELECT o.key AS report, o.created_at AS at, r.key AS run, v.version, m.name AS model, o.profile, o.window_from,
  o.window_to, s.breached, s.special,
  (SELECT f.version FROM feature_set f WHERE f.project_id = o.project_id AND f.created_at <= o.created_at
   ORDER BY f.id DESC LIMIT 1) AS features
FROM monitor_report o JOIN run r ON r.id = o.run_id JOIN model_version v ON v.id = o.version_id
JOIN model m ON m.id = v.model_id JOIN signal s ON s.report_id = o.id AND s.name = :signal
WHERE o.project_id = (SELECT id FROM project WHERE name = :project)
  AND o.id <= (SELECT id FROM monitor_report WHERE key = :report) ORDER BY o.id DESC LIMIT 60
"""
_TRAINED = """
SELECT r.key AS run, v.created_at AS at, v.version, m.name AS model, f.version AS features
FROM model_version v JOIN model m ON m.id = v.model_id JOIN run r ON r.id = v.run_id
JOIN feature_set f ON f.id = v.feature_set_id WHERE m.name = :model AND v.version = :version
"""


def case_of(reader: Reader, alert: AlertRow) -> Case:
    """The case of an alert; without an earlier good report the training of the version stands for it."""
    if not alert.report:
        return Case(alert, alert.project, None, Look(alert.opened_at, run=alert.run))
    looks = reader.rows(_LOOKS, {"signal": alert.signal, "project": alert.project, "report": alert.report})
    bad: dict[str, Any] | None = None
    good: Look | None = None
    for row in looks:
        if row["special"] is not None:
            continue
        if not row["breached"]:
            good = _look(row)
            break
        bad = row
    if good is None:
        trained = reader.one(_TRAINED, {"model": alert.model, "version": alert.version})
        good = (
            _look({**trained, "report": None, "profile": None, "window_from": None, "window_to": None})
            if trained
            else None
        )
    first = _look(bad) if bad is not None else Look(alert.opened_at, report=alert.report)
    return Case(alert, alert.project, good, first)


def _look(row: dict[str, Any]) -> Look:
    return Look(
        at=row["at"],
        report=row["report"],
        run=row["run"],
        version=row["version"],
        version_key=f"{row['model']}/{row['version']}",
        features=row["features"],
        profile=row["profile"],
        window_from=row["window_from"],
        window_to=row["window_to"],
    )


def views_of(reader: Reader, project: str, version: int | None) -> dict[str, Any]:
    """The views of a feature set as they were built: digests of functions, columns, snapshots."""
    row = reader.one(
        "SELECT views, snapshots FROM feature_set WHERE version = :version AND project_id = "
        "(SELECT id FROM project WHERE name = :project)",
        {"version": version, "project": project},
    )
    return {"views": json.loads(row["views"]), "snapshots": json.loads(row["snapshots"])} if row else {}


def document_of(reader: Reader, digest: str | None) -> dict[str, Any]:
    """An artifact of JSON; nothing where it is absent or no object."""
    if not digest:
        return {}
    try:
        found = json.loads(content_of(reader, digest))
    except (ValueError, TrainmasterError):
        return {}
    return found if isinstance(found, dict) else {}


__all__ = ["Case", "Look", "case_of", "document_of", "views_of"]
