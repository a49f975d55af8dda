"""Deployments, the active one, and batches of predictions."""

from dataclasses import dataclass

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class DeploymentRow:
    """One try to put a version in front of requests."""

    key: str
    project: str
    model: str
    version: int
    state: str
    verdict: str
    run: str | None
    previous: str | None
    digest: str
    created_at: str
    changed_at: str


@dataclass(frozen=True)
class BatchRow:
    """Predictions of one version for one window."""

    key: str
    project: str
    model: str
    version: int
    features_version: int
    run: str
    artifact: str
    rows: int
    window_from: str | None
    window_to: str | None
    created_at: str


_DEPLOYMENTS = """
SELECT d.key, p.name AS project, m.name AS model, v.version, d.state, d.verdict, r.key AS run, b.key AS previous,
  v.digest, d.created_at, d.changed_at
FROM deployment d JOIN project p ON p.id = d.project_id JOIN model_version v ON v.id = d.version_id
JOIN model m ON m.id = v.model_id LEFT JOIN run r ON r.id = d.run_id LEFT JOIN deployment b ON b.id = d.previous_id
"""


def active_deployment(reader: Reader, project: str) -> DeploymentRow | None:
    """What answers a project's requests now, or None."""
    found = reader.rows(_DEPLOYMENTS + "WHERE p.name = :project AND d.state = 'active'", {"project": project})
    return made(DeploymentRow, found)[0] if found else None


def active_deployments(reader: Reader) -> list[DeploymentRow]:
    """What answers requests now, by project."""
    return made(DeploymentRow, reader.rows(_DEPLOYMENTS + "WHERE d.state = 'active' ORDER BY p.name"))


def deployments_of(reader: Reader, project: str, *, limit: int = 100) -> list[DeploymentRow]:
    """The deployments of a project, newest first."""
    tail = "WHERE p.name = :project ORDER BY d.id DESC LIMIT :limit"
    return made(DeploymentRow, reader.rows(_DEPLOYMENTS + tail, {"project": project, "limit": limit}))


def deployments(reader: Reader, *, limit: int = 100) -> list[DeploymentRow]:
    """The deployments of every project, what answers now first, then the newest."""
    tail = "ORDER BY d.state = 'active' DESC, d.id DESC LIMIT :limit"
    return made(DeploymentRow, reader.rows(_DEPLOYMENTS + tail, {"limit": limit}))


@dataclass(frozen=True)
class RolloutRow:
    """A candidate that is, or was, tried beside production, and what was seen of it in its last stage."""

    key: str
    project: str
    model: str
    version: int
    baseline: int
    state: str
    limits: str
    says: str
    began_at: str
    stage_at: str
    ended_at: str | None
    requests: int
    errors: int
    rows: int
    agreed: int
    dropped: int


def rollouts(reader: Reader, *, limit: int = 20) -> list[RolloutRow]:
    """Candidates beside production, the newest first."""
    sql = """
    SELECT r.key, p.name AS project, m.name AS model, v.version, b.version AS baseline, r.state, r.limits, r.says,
      r.began_at, r.stage_at, r.ended_at,
      COALESCE(SUM(w.requests), 0) AS requests, COALESCE(SUM(w.errors), 0) AS errors, COALESCE(SUM(w.rows), 0) AS rows,
      COALESCE(SUM(w.agreed), 0) AS agreed, COALESCE(SUM(w.dropped), 0) AS dropped
    FROM rollout r JOIN project p ON p.id = r.project_id JOIN model_version v ON v.id = r.version_id
    JOIN model m ON m.id = v.model_id JOIN model_version b ON b.id = r.baseline_id
    LEFT JOIN rollout_window w ON w.rollout_id = r.id AND (w.stage = r.state OR r.ended_at IS NOT NULL)
    GROUP BY r.id, p.name, m.name, v.version, b.version ORDER BY r.id DESC LIMIT :limit"""
    return made(RolloutRow, reader.rows(sql, {"limit": limit}))


def prediction_batches(reader: Reader, *, project: str | None = None, limit: int = 100) -> list[BatchRow]:
    """Batches of predictions, newest first."""
    condition = "WHERE p.name = :project" if project is not None else ""
    sql = f"""SELECT b.key, p.name AS project, m.name AS model, v.version, f.version AS features_version, r.key AS run,
        b.artifact, b.rows, b.window_from, b.window_to, b.created_at
        FROM prediction_batch b JOIN project p ON p.id = b.project_id JOIN model_version v ON v.id = b.version_id
        JOIN model m ON m.id = v.model_id JOIN feature_set f ON f.id = b.feature_set_id JOIN run r ON r.id = b.run_id
        {condition} ORDER BY b.id DESC LIMIT :limit"""  # noqa: S608
    bound: dict[str, object] = {"limit": limit}
    if project is not None:
        bound["project"] = project
    return made(BatchRow, reader.rows(sql, bound))
