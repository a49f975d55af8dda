"""Published features: their versions, and the point-in-time join of one of them as a training frame."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import NotFound
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.tables import FeatureSet

if TYPE_CHECKING:
    import pandas as pd

Window = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class FeatureColumn:
    """One feature: its name, how a learner takes it, and the view that computes it."""

    name: str
    kind: Literal["number", "category"]
    view: str


@dataclass(frozen=True)
class TrainingFrame:
    """One row a labelled thing: entity keys, event time, label time, target, and every feature as known at event time.

    Rows are in the order of event time and entity. Categories are pandas categoricals, times aware UTC.
    """

    frame: "pd.DataFrame"
    features: list[FeatureColumn]
    entity: tuple[str, ...]
    event_time: str | None
    label_time: str | None
    target: str
    feature_set_id: int
    version: int
    digest: str


@dataclass(frozen=True)
class FeatureSetInfo:
    """A published version without its rows."""

    id: int
    version: int
    digest: str
    rules_digest: str
    rows: int
    views: Mapping[str, Mapping[str, object]]
    snapshots: tuple[str, ...]
    created_at: datetime


def feature_sets(store: Store, project_id: int) -> list[FeatureSetInfo]:
    """All published versions, newest first."""
    query = select(FeatureSet).where(col(FeatureSet.project_id) == project_id).order_by(col(FeatureSet.version).desc())
    with store.read() as session:
        return [info_of(row) for row in session.execute(query).scalars()]


def newest_feature_set(store: Store, project_id: int) -> FeatureSetInfo:
    """The newest published version; raises NotFound."""
    found = feature_sets(store, project_id)
    if not found:
        raise NotFound("no features were built yet", next_step="trainmaster features build")
    return found[0]


def training_frame(
    store: Store,
    project: OpenProject,
    feature_set_id: int,
    *,
    window: Window | None = None,
    labelled_only: bool = True,
) -> TrainingFrame:
    """The point-in-time join of one pinned version: spine and all views, as one frame.

    `window` keeps rows with from <= event time < to (None is open); `labelled_only` drops rows without a target and
    raises BadInput when none has one. Raises NotFound for an unknown version, Damaged for one whose files are gone.
    """
    from app.features import join
    from app.learning.openmp import usable_threads

    info = _one(store, feature_set_id)
    names = [name for name in info.views if not info.views[name].get("is_spine")]
    spine_name = next(name for name in info.views if info.views[name].get("is_spine"))
    spine = info.views[spine_name]
    folder = folder_of(project)
    tables = {name: join.Pinned.of_record(name, folder, info.views[name]) for name in names}
    problem = join.Labels.of_record(spine)
    rows = join.spine_rows(join.Pinned.of_record(spine_name, folder, spine), problem, window)
    if labelled_only:
        rows = join.labelled(rows, problem.target)
    frame, columns = join.with_features(rows, tables.values(), problem, threads=usable_threads())
    return TrainingFrame(
        frame,
        [FeatureColumn(column.name, column.kind, view) for view, column in columns],
        problem.entity,
        problem.event_time,
        problem.label_time,
        problem.target,
        info.id,
        info.version,
        info.digest,
    )


def _one(store: Store, feature_set_id: int) -> FeatureSetInfo:
    with store.read() as session:
        row = session.get(FeatureSet, feature_set_id)
        if row is None:
            raise NotFound("there is no such version of the features", next_step="trainmaster features ls")
        return info_of(row)


def info_of(row: FeatureSet) -> FeatureSetInfo:
    """The row of a published version, with its JSON read."""
    assert row.id is not None
    return FeatureSetInfo(
        row.id,
        row.version,
        row.digest,
        row.rules_digest,
        row.rows,
        json.loads(row.views),
        tuple(json.loads(row.snapshots)),
        row.created_at,
    )


def folder_of(project: OpenProject) -> Path:
    """Where the tables of a project lie."""
    return project.workspace.features / project.name
