"""Projects, and the charter that each one has now."""

import json
from dataclasses import dataclass

from app.domain.problem import METRICS_OF, MetricName, Task
from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class ProjectRow:
    """A project with the newest version of its charter; `document` is `project.toml` as JSON."""

    id: int
    name: str
    title: str
    created_at: str
    version: int | None
    digest: str | None
    document: str | None
    version_at: str | None


@dataclass(frozen=True)
class CharterRow:
    """One version of a charter."""

    version: int
    digest: str
    document: str
    created_at: str


_PROJECTS = """
SELECT p.id, p.name, p.title, p.created_at, c.version, c.digest, c.document, c.created_at AS version_at
FROM project p LEFT JOIN charter_version c
  ON c.project_id = p.id AND c.version = (SELECT max(version) FROM charter_version WHERE project_id = p.id)
"""


def projects(reader: Reader) -> list[ProjectRow]:
    """Every project, by name."""
    return made(ProjectRow, reader.rows(_PROJECTS + "ORDER BY p.name"))


def project_named(reader: Reader, name: str) -> ProjectRow | None:
    """One project, or None."""
    found = made(ProjectRow, reader.rows(_PROJECTS + "WHERE p.name = :name", {"name": name}))
    return found[0] if found else None


def charter_versions(reader: Reader, project: str) -> list[CharterRow]:
    """All versions of a project's charter, newest first."""
    sql = """SELECT c.version, c.digest, c.document, c.created_at
        FROM charter_version c JOIN project p ON p.id = c.project_id WHERE p.name = :project ORDER BY c.version DESC"""
    return made(CharterRow, reader.rows(sql, {"project": project}))


def headline_metrics(reader: Reader) -> dict[str, str]:
    """The metric that judges each project, by project name."""
    return {row.name: judged_by(row.document) for row in projects(reader) if row.document}


def judged_by(document: str) -> str:
    """The metric that decides, from a charter's document.

    >>> judged_by('{"problem": {"task": "regression", "metric": null}}')
    'rmse'
    """
    problem = json.loads(document)["problem"]
    return str(MetricName(problem["metric"]) if problem.get("metric") else METRICS_OF[Task(problem["task"])][0])
