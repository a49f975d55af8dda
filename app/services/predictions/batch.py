"""Predicting a window of the offline store in one batch, piece by piece: memory holds one piece, and none is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlmodel import Session, col

from app.domain.errors import Busy, Refused
from app.domain.ids import Ref, new_key
from app.domain.project import canonical_json
from app.services.predictions.parts import LEFT_BEHIND, Part, keep_part, kept_parts, whole_file
from app.services.predictions.versions import Production, load_version, newest_features, production_of
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import artifacts
from app.store.lineage import link
from app.store.tables import PredictionBatch, PredictionPart

if TYPE_CHECKING:
    from app.features.join import Labels, Pinned
    from app.features.slices import Piece
    from app.learning.loader import LoadedModel
    from app.store.tables import FeatureSet

ABANDONED = timedelta(days=7)
PARQUET = "application/vnd.apache.parquet"
Window = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Offline:
    """A pinned feature set, and how the rows of a window are divided into pieces."""

    spine: Pinned
    views: Sequence[Pinned]
    labels: Labels
    pieces: Sequence[Piece]


def predict(task: TaskContext, *, window: Window | None = None, piece_rows: int | None = None) -> dict[str, object]:
    """Predict a window of the newest features with the production version; rows out = rows in.

    `window` is event times from (included) to (excluded); by default everything newer than the last batch. When there
    is nothing to predict, no batch is written and the answer says so. Each piece of at most `piece_rows` rows is kept
    in the store when it is done: a run that is killed is gone on with by the next one. Gives batch, rows, version,
    features, says, and how many rows were `kept` from before.

    Errors: NotFound without production version or features; BadInput for a frame that lacks a feature.
    """
    run = task.run
    with run.store.read() as session:
        production = production_of(session, run.project_id, run.project.name)
        features = newest_features(session, run.project_id, run.project.name)
        last = last_batch(session, run.project_id)
    chosen = window or (last.window_to if last is not None else None, None)
    repeated = (
        window is None
        and run.project.file.problem.event_time is None
        and last is not None
        and (last.feature_set_id, last.version_id) == (features.id, production.version_id)
    )
    task.progress(0, 1, "reading features")
    offline = None if repeated else _planned(task, features, chosen, piece_rows)
    if offline is None or not offline.pieces:
        says = "nothing newer than the last batch" if window is None else "the window has no rows"
        with run.store.write() as session:
            task.complete(session, says=says)
        return {"batch": None, "rows": 0, "version": production.version, "says": says}
    plan = _digest(production, features, offline)
    parts, kept = _answered(task, plan, offline, load_version(run.store, production.version_id))
    key, rows = new_key(), sum(part.rows for part in parts)
    says = f"{rows:,} rows predicted by version {production.version}"
    begin = min((part.window_from for part in parts if part.window_from), default=None)
    end = max((part.window_to for part in parts if part.window_to), default=None)
    file = run.project.workspace.state / f"{LEFT_BEHIND}{run.key}.parquet"
    try:
        whole_file(run.store, parts, file)
        with run.store.write() as session:
            if window is None:
                _require_same_last(session, run.project_id, last)
            digest = artifacts.put_file(session, file, kind="predictions", media_type=PARQUET, now=now())
            batch = PredictionBatch(
                key=key,
                project_id=run.project_id,
                version_id=production.version_id,
                feature_set_id=features.id or 0,
                run_id=run.run_id,
                artifact=digest,
                rows=rows,
                window_from=begin,
                window_to=end,
                created_at=now(),
            )
            session.add(batch)
            old = (col(PredictionPart.project_id) == run.project_id) & (
                col(PredictionPart.created_at) < now() - ABANDONED
            )
            session.connection().execute(delete(PredictionPart).where((col(PredictionPart.plan) == plan) | old))
            session.flush()
            node, source = Ref("predictions", key), Ref("features", f"{run.project.name}/v{features.version}")
            link(session, [(production.ref, node, "predicted"), (source, node, "predicted_on")], now=now())
            task.complete(session, says=says, inputs=[production.ref, source], outputs=[node])
    finally:
        file.unlink(missing_ok=True)
    return {
        "batch": key,
        "rows": rows,
        "kept": kept,
        "version": production.version,
        "features": features.version,
        "window": [moment.isoformat() if moment else None for moment in (begin, end)],
        "says": says,
    }


def _planned(task: TaskContext, features: FeatureSet, window: Window, piece_rows: int | None) -> Offline:
    """The tables of a feature set, and the pieces of a window."""
    from app.features import slices
    from app.features.join import Labels, Pinned
    from app.services.features.reading import folder_of, info_of

    info, folder = info_of(features), folder_of(task.run.project)
    tables = [Pinned.of_record(name, folder, record) for name, record in info.views.items()]
    (name,) = [name for name, record in info.views.items() if record.get("is_spine")]
    spine = next(table for table in tables if table.name == name)
    labels = Labels.of_record(info.views[name])
    chosen = None if window == (None, None) else window
    planned = slices.plan(spine, labels, chosen, rows=piece_rows or slices.ROWS)
    return Offline(spine, [table for table in tables if table is not spine], labels, planned)


def _digest(production: Production, features: FeatureSet, offline: Offline) -> str:
    """SHA-256 of all that decides the rows of a batch: version, features and the pieces."""
    pieces = [[piece.rows, str(piece.begin), str(piece.end), piece.first] for piece in offline.pieces]
    document = {"version": production.version_id, "features": features.digest, "pieces": pieces}
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def _answered(task: TaskContext, plan: str, offline: Offline, model: LoadedModel) -> tuple[list[Part], int]:
    """Every piece answered: those that an earlier run has kept, and the others now; and how many rows were kept."""
    from app.features.slices import frame_of
    from app.services.predictions.answering import answers, event_window

    run = task.run
    known = kept_parts(run.store, plan)
    found: list[Part] = []
    total, done = sum(piece.rows for piece in offline.pieces), 0
    for ordinal, piece in enumerate(offline.pieces):
        part = known.get(ordinal)
        if part is None or part.rows != piece.rows:
            frame = frame_of(piece, offline.spine, offline.views, offline.labels)
            table = answers(frame, model, run.project.file)
            if not len(table) == len(frame) == piece.rows:
                says = f"{piece.rows} rows went in, {len(table)} came out"
                raise Refused(says, next_step=f"trainmaster runs logs {run.key}")
            span = event_window(frame, run.project.file.problem.event_time)
            part = keep_part(run.store, run.project_id, plan, ordinal, table, span)
        found.append(part)
        done += piece.rows
        task.progress(done, total, f"{done:,} of {total:,} rows")
    kept = sum(known[at].rows for at, part in enumerate(found) if at in known and known[at] == part)
    if kept:
        run.log(f"{kept:,} rows were kept by a run before this one")
    return found, kept


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
