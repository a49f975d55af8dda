"""Published feature sets and the views in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.store.queries.content import content_of
from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class ViewRow:
    """One view of a feature set (or its spine): its Delta table and what `project.toml` said about it then."""

    name: str
    table: str
    version: int
    rows: int
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    function: str
    digest: str
    is_spine: bool
    entity: tuple[str, ...]
    event_time: str | None
    ttl_hours: float | None
    description: str
    owner: str


@dataclass(frozen=True)
class FeatureSetRow:
    """One published version of a project's features."""

    project: str
    version: int
    digest: str
    rules_digest: str
    rows: int
    run: str
    snapshots: tuple[str, ...]
    statistics: str | None
    created_at: str
    views: tuple[ViewRow, ...] = field(default=())


@dataclass(frozen=True)
class _Stored:
    project: str
    version: int
    digest: str
    rules_digest: str
    rows: int
    run: str
    snapshots: str
    statistics: str | None
    created_at: str
    views: str


_SETS = """
SELECT p.name AS project, f.version, f.digest, f.rules_digest, f.rows, r.key AS run, f.snapshots, f.statistics,
  f.created_at, f.views
FROM feature_set f JOIN project p ON p.id = f.project_id JOIN run r ON r.id = f.run_id
"""


def feature_sets(reader: Reader, *, project: str | None = None, limit: int = 100) -> list[FeatureSetRow]:
    """Feature sets, newest first."""
    condition = "WHERE p.name = :project" if project is not None else ""
    bound: dict[str, object] = {"limit": limit} | ({"project": project} if project is not None else {})
    rows = reader.rows(f"{_SETS} {condition} ORDER BY f.id DESC LIMIT :limit", bound)
    return [_shown(row) for row in made(_Stored, rows)]


def feature_set(reader: Reader, project: str, version: int | None = None) -> FeatureSetRow | None:
    """One version of a project's features, or the newest, or None."""
    newest = "(SELECT max(version) FROM feature_set WHERE project_id = p.id)"
    condition = "f.version = :version" if version is not None else f"f.version = {newest}"
    bound: dict[str, object] = {"project": project} | ({"version": version} if version is not None else {})
    rows = reader.rows(f"{_SETS} WHERE p.name = :project AND {condition}", bound)
    return _shown(made(_Stored, rows)[0]) if rows else None


def statistics(reader: Reader, row: FeatureSetRow) -> dict[str, dict[str, Any]]:
    """{view: {"digest", "rows", "columns": {column: statistics}}} of a version; empty when it has none."""
    if row.statistics is None:
        return {}
    found: dict[str, dict[str, Any]] = json.loads(content_of(reader, row.statistics))["views"]
    return found


def _shown(row: _Stored) -> FeatureSetRow:
    views = tuple(_view(name, view) for name, view in json.loads(row.views).items())
    return FeatureSetRow(
        project=row.project,
        version=row.version,
        digest=row.digest,
        rules_digest=row.rules_digest,
        rows=row.rows,
        run=row.run,
        snapshots=tuple(json.loads(row.snapshots)),
        statistics=row.statistics,
        created_at=row.created_at,
        views=views,
    )


def _view(name: str, view: Mapping[str, Any]) -> ViewRow:
    columns = [one if isinstance(one, Mapping) else {"name": one} for one in view.get("columns", [])]
    return ViewRow(
        name=name,
        table=str(view.get("table", "")),
        version=int(view.get("version", 0)),
        rows=int(view.get("rows", 0)),
        columns=tuple(str(column["name"]) for column in columns),
        kinds=tuple(str(column.get("kind", "")) for column in columns),
        function=str(view.get("function", "")),
        digest=str(view.get("digest", "")),
        is_spine=bool(view.get("is_spine", False)),
        entity=tuple(view.get("entity") or ()),
        event_time=view.get("event_time"),
        ttl_hours=view.get("ttl_hours"),
        description=str(view.get("description") or ""),
        owner=str(view.get("owner") or ""),
    )
