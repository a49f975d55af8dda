"""Predictions: loading a registered version, and predicting a window of the offline store in one batch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Busy, NotFound, Refused
from app.domain.ids import Ref, new_key
from app.domain.problem import Task
from app.domain.states import DeploymentState
from app.services.running import TaskContext
from app.services.workspaces import OpenProject, now
from app.store import artifacts
from app.store.engine import Store
from app.store.lineage import link
from app.store.tables import Deployment, FeatureSet, Model, ModelVersion, PredictionBatch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from app.domain.project import ProjectFile
    from app.learning.loader import LoadedModel
    from app.learning.signature import Signature

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Production:
    """The version that answers for a project now."""

    model: str
    version_id: int
    version: int
    profile: str
    feature_set_id: int

    @property
    def ref(self) -> Ref:
        """The version as a node of the lineage."""
        return Ref("model", f"{self.model}/{self.version}")


def load_version(store: Store, version_id: int) -> LoadedModel:
    """A registered version, ready to answer: digests checked first, then parsed, then asked its canary.

    Errors: NotFound for an unknown version, Damaged for bytes without their digest, Refused for canary answers that
    differ from the stored ones by more than 1e-12.
    """
    from app.learning.loader import LoadedModel
    from app.learning.package import Package

    with store.read() as session:
        row = session.get(ModelVersion, version_id)
        if row is None:
            raise NotFound(f"there is no model version {version_id}", next_step="trainmaster models ls")
        package = Package.of_bytes(
            artifacts.get(session, row.manifest),
            artifacts.get(session, row.model_bytes),
            artifacts.get(session, row.canary),
        )
    model = LoadedModel(package)
    expected, found = _flat(package.canary["predictions"]), _flat(model.predict(list(package.canary["inputs"])))
    same = len(expected) == len(found) and all(
        abs(one - other) <= TOLERANCE for one, other in zip(expected, found, strict=True)
    )
    if not same:
        raise Refused(
            f"version {row.version} does not give its stored canary answers", next_step="trainmaster store fsck"
        )
    return model


def production_of(session: Session, project_id: int, project: str) -> Production:
    """The version behind the project's active deployment; raises NotFound before the first promotion."""
    found = session.execute(
        select(ModelVersion, col(Model.name))
        .join(Deployment, col(Deployment.version_id) == col(ModelVersion.id))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE)
    ).first()
    if found is None:
        raise NotFound(
            f"no version of {project} is in production", next_step=f"trainmaster models promote {project} VERSION"
        )
    return as_production(found[0], str(found[1]))


def as_production(row: ModelVersion, model: str) -> Production:
    """The same for a version's row."""
    assert row.id is not None
    return Production(model, row.id, row.version, row.profile, row.feature_set_id)


def newest_features(session: Session, project_id: int, project: str) -> FeatureSet:
    """The newest published features of a project; raises NotFound before the first build."""
    row: FeatureSet | None = (
        session.execute(
            select(FeatureSet).where(col(FeatureSet.project_id) == project_id).order_by(col(FeatureSet.version).desc())
        )
        .scalars()
        .first()
    )
    if row is None:
        raise NotFound(f"no features of {project} were built", next_step=f"trainmaster features build {project}")
    return row


def predict(task: TaskContext, *, window: tuple[datetime | None, datetime | None] | None = None) -> dict[str, object]:
    """Predict a window of the newest features with the production version; rows out = rows in.

    `window` is event times from (included) to (excluded); by default everything newer than the last batch. When there
    is nothing to predict, no batch is written and the answer says so. Gives batch, rows, version, features, says.

    Errors: NotFound without production version or features; BadInput for a frame that lacks a feature.
    """
    run = task.run
    problem = run.project.file.problem
    with run.store.read() as session:
        production = production_of(session, run.project_id, run.project.name)
        features = newest_features(session, run.project_id, run.project.name)
        last = last_batch(session, run.project_id)
    chosen = window or (last.window_to if last is not None else None, None)
    repeated = (
        window is None
        and problem.event_time is None
        and last is not None
        and (last.feature_set_id, last.version_id) == (features.id, production.version_id)
    )
    task.progress(0, 3, "reading features")
    frame = None if repeated else offline_frame(run.store, run.project, features.id or 0, chosen)
    if frame is None or len(frame) == 0:
        says = "nothing newer than the last batch" if window is None else "the window has no rows"
        with run.store.write() as session:
            task.complete(session, says=says)
        return {"batch": None, "rows": 0, "version": production.version, "says": says}
    task.progress(1, 3, f"predicting {len(frame):,} rows")
    model = load_version(run.store, production.version_id)
    table = answers(frame, model, run.project.file)
    if len(table) != len(frame):
        raise Refused(f"{len(frame)} rows went in, {len(table)} came out", next_step=f"trainmaster runs logs {run.key}")
    task.progress(2, 3, "writing")
    content = to_parquet(table)
    begin, end = event_window(frame, problem.event_time)
    key = new_key()
    says = f"{len(table):,} rows predicted by version {production.version}"
    with run.store.write() as session:
        if window is None:
            _require_same_last(session, run.project_id, last)
        digest = artifacts.put(
            session, content, kind="predictions", media_type="application/vnd.apache.parquet", now=now()
        )
        session.add(
            PredictionBatch(
                key=key,
                project_id=run.project_id,
                version_id=production.version_id,
                feature_set_id=features.id or 0,
                run_id=run.run_id,
                artifact=digest,
                rows=len(table),
                window_from=begin,
                window_to=end,
                created_at=now(),
            )
        )
        session.flush()
        node, source = Ref("predictions", key), Ref("features", f"{run.project.name}/v{features.version}")
        link(session, [(production.ref, node, "predicted"), (source, node, "predicted_on")], now=now())
        task.complete(session, says=says, inputs=[production.ref, source], outputs=[node])
    return {
        "batch": key,
        "rows": len(table),
        "version": production.version,
        "features": features.version,
        "window": [moment.isoformat() if moment else None for moment in (begin, end)],
        "says": says,
    }


def _require_same_last(session: Session, project_id: int, last: PredictionBatch | None) -> None:
    current = last_batch(session, project_id)
    if (current.key if current is not None else None) != (last.key if last is not None else None):
        raise Busy("another run has predicted the same rows meanwhile", next_step="trainmaster predict batch")


def last_batch(session: Session, project_id: int) -> PredictionBatch | None:
    """The batch that reaches furthest, the newest one among equals."""
    rows: Sequence[PredictionBatch] = (
        session.execute(select(PredictionBatch).where(col(PredictionBatch.project_id) == project_id)).scalars().all()
    )
    dated = [row for row in rows if row.window_to is not None]
    if dated:
        return max(dated, key=lambda row: (row.window_to or row.created_at, row.id or 0))
    return max(rows, key=lambda row: row.id or 0, default=None)


def offline_frame(
    store: Store, project: OpenProject, feature_set_id: int, window: tuple[datetime | None, datetime | None]
) -> pd.DataFrame:
    """The point-in-time joined rows of a window, from (included) to (excluded), labelled or not."""
    from app.services.features import training_frame

    wanted = None if window == (None, None) else window
    frame = training_frame(store, project, feature_set_id, window=wanted, labelled_only=False).frame
    event_time = project.file.problem.event_time
    if event_time is not None and event_time in frame:
        times = frame[event_time]
        if window[0] is not None:
            frame = frame[times >= window[0]]
        if window[1] is not None:
            frame = frame[times < window[1]]
    return frame


def answers(frame: pd.DataFrame, model: LoadedModel, project: ProjectFile) -> pd.DataFrame:
    """One row for each row of the frame: entity keys, event time, prediction and score (the number that is watched)."""
    import pandas as pd

    problem = project.problem
    keys = [name for name in (*problem.entity, *([problem.event_time] if problem.event_time else [])) if name in frame]
    predicted = model.predict_frame(frame)
    table: dict[str, Any] = {name: frame[name].to_numpy() for name in keys}
    labels, scores = decide(predicted, model.signature)
    table["prediction"], table["score"] = labels, scores
    if model.signature.task is Task.MULTICLASS:
        for place, name in enumerate(model.signature.classes):
            table[f"probability_{name}"] = predicted[:, place]
    made = pd.DataFrame(table, index=frame.index)
    for name in keys:
        made[name] = frame[name]
    return made.reset_index(drop=True)


def decide(predicted: np.ndarray[Any, Any], signature: Signature) -> tuple[list[str] | list[float], Any]:
    """The predicted class or number of each row, and the score: probability of the positive or of the chosen class."""
    match signature.task:
        case Task.BINARY:
            return [signature.classes[int(score >= 0.5)] for score in predicted], predicted
        case Task.MULTICLASS:
            return [signature.classes[place] for place in predicted.argmax(axis=1)], predicted.max(axis=1)
        case Task.REGRESSION:
            return predicted.tolist(), predicted


def to_parquet(table: pd.DataFrame) -> bytes:
    """A frame as Parquet (zstd)."""
    out = io.BytesIO()
    table.to_parquet(out, engine="pyarrow", compression="zstd", index=False)
    return out.getvalue()


def event_window(frame: pd.DataFrame, event_time: str | None) -> tuple[datetime | None, datetime | None]:
    """From the first event time (included) to just after the last; open when there is no event time."""
    if event_time is None or event_time not in frame:
        return None, None
    times = frame[event_time].dropna()
    if len(times) == 0:
        return None, None
    return times.min().to_pydatetime(), times.max().to_pydatetime() + timedelta(microseconds=1)


def _flat(values: Any) -> list[float]:
    return [float(number) for row in values for number in (row if isinstance(row, list) else [row])]


__all__ = [
    "Production",
    "answers",
    "event_window",
    "last_batch",
    "load_version",
    "newest_features",
    "offline_frame",
    "predict",
    "production_of",
]
