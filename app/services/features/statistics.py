"""Statistics of a published version of the features, kept as one artifact and computed once a table."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref
from app.domain.project import canonical_json
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.running import TaskContext
from app.services.workspaces import OpenProject, now
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import FeatureSet

FORMAT = 1


def describe(task: TaskContext, version: int) -> int:
    """Give a version of the features its statistics; gives the number of columns described.

    Tables that an older version has too are taken from its statistics.
    """
    run = task.run
    info = next(one for one in feature_sets(run.store, run.project_id) if one.version == version)
    ref = Ref("features", f"{run.project.name}/v{info.version}")
    with run.store.read() as session:
        row = session.get(FeatureSet, info.id)
        assert row is not None
        older = _older(session, run.project_id) if row.statistics is None else {}
        done = row.statistics is not None
    if done:
        with run.store.write() as session:
            task.complete(session, says="the statistics are there", inputs=[ref])
        return 0
    views = _views(run.project, info, older)
    content = canonical_json({"format": FORMAT, "version": info.version, "views": views}).encode()
    columns = sum(len(view["columns"]) for name, view in views.items() if not info.views[name].get("is_spine"))
    with run.store.write() as session:
        digest = artifacts.put(session, content, kind="statistics", media_type="application/json", now=now())
        kept = session.get(FeatureSet, info.id)
        assert kept is not None
        kept.statistics = digest
        task.complete(session, says=f"statistics of {columns} columns: {digest[:12]}", inputs=[ref])
    return columns


def statistics_of(store: Store, feature_set_id: int) -> Mapping[str, Any]:
    """{view: {"digest", "rows", "columns": {column: statistics}}} of a version; empty when it has none."""
    with store.read() as session:
        row = session.get(FeatureSet, feature_set_id)
        if row is None or row.statistics is None:
            return {}
        found: Mapping[str, Any] = json.loads(artifacts.get(session, row.statistics))["views"]
        return found


def _older(session: Session, project_id: int) -> dict[str, Any]:
    """The statistics of the newest version that has some, by the digest of the table."""
    query = (
        select(col(FeatureSet.statistics))
        .where(col(FeatureSet.project_id) == project_id, col(FeatureSet.statistics).is_not(None))
        .order_by(col(FeatureSet.version).desc())
        .limit(1)
    )
    digest = session.execute(query).scalar_one_or_none()
    if digest is None:
        return {}
    document = json.loads(artifacts.get(session, digest))
    return {view["digest"]: view for view in document["views"].values()} if document["format"] == FORMAT else {}


def _views(project: OpenProject, info: FeatureSetInfo, older: Mapping[str, Any]) -> dict[str, Any]:
    from app.features import offline, statistics

    views: dict[str, Any] = {}
    for name, record in info.views.items():
        digest, columns = str(record["digest"]), record["columns"]
        assert isinstance(columns, list)
        if digest in older:
            views[name] = older[digest]
            continue
        wanted = None if record.get("is_spine") or record.get("windows") else [str(one["name"]) for one in columns]
        rows = offline.read(folder_of(project) / str(record["table"]), int(str(record["version"])), wanted)
        kinds = {str(one["name"]): str(one["kind"]) for one in columns}
        views[name] = {"digest": digest, "rows": rows.num_rows, "columns": statistics.describe(rows, kinds)}
    return views
