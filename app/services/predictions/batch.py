"""Predicting a window of the offline store in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Busy, Refused
from app.domain.ids import Ref, new_key
from app.services.predictions.answering import answers, event_window, offline_frame, to_parquet
from app.services.predictions.versions import load_version, newest_features, production_of
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import artifacts
from app.store.lineage import link
from app.store.tables import PredictionBatch


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


__all__ = ["last_batch", "predict"]
