"""What a report is about: which window, and whose answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.services import predictions
from app.services.predictions import Production
from app.services.running import RunContext
from app.store import artifacts
from app.store.tables import FeatureSet, Model, ModelVersion, MonitorReport, PredictionBatch, VersionReference

if TYPE_CHECKING:
    from app.monitoring.windows import Window


@dataclass(frozen=True)
class Subject:
    """What a report is about: the version that answered, its batches, and the features that they were made from."""

    production: Production
    batches: tuple[PredictionBatch, ...]
    features: FeatureSet


def choose(run: RunContext, wanted: Window | None) -> tuple[Subject, bytes, Window, bool]:
    """The window (without a wish the newest one), who answered in it, and whether no later window was reported."""
    with run.store.read() as session:
        production = predictions.production_of(session, run.project_id, run.project.name)
        features = predictions.newest_features(session, run.project_id, run.project.name)
        window = wanted or newest_window(run, session, production, features)
        batches = _batches_of(session, run.project_id, window)
        answering = answered_by(batches, window)
        if answering is not None and answering != production.version_id:
            production = _version(session, answering)
        kept = tuple(batch for batch in batches if batch.version_id == production.version_id)
        later = (
            session.execute(
                select(col(MonitorReport.id)).where(
                    col(MonitorReport.project_id) == run.project_id, col(MonitorReport.window_to) > window.end
                )
            ).first()
            if window.end is not None
            else None
        )
        content = artifacts.get(session, reference_digest(session, production))
        return Subject(production, kept, features), content, window, later is None


def newest_window(run: RunContext, session: Session, production: Production, features: FeatureSet) -> Window:
    """The newest window as `[monitoring] window` cuts them; without event times everything is one window."""
    from app.monitoring.reference import parse_profile
    from app.monitoring.windows import Window, newest_complete, newest_rows

    problem, rules = run.project.file.problem, run.project.file.monitoring
    last = predictions.last_batch(session, run.project_id)
    if problem.event_time is None:
        return Window(None, None)
    match rules.window:
        case "month" | "week" | "day":
            newest = last.window_to if last is not None and last.window_to is not None else None
            newest = newest if newest is not None else _newest_event(run, features)
            return newest_complete(newest, rules.window) if newest is not None else Window(None, None)
        case "batch":
            return Window(last.window_from, last.window_to) if last is not None else Window(None, None)
        case "count":
            frame = predictions.offline_frame(run.store, run.project, features.id or 0, (None, None))
            times = frame[problem.event_time].dropna().sort_values().tail(rules.window_rows)
            return newest_rows([moment.to_pydatetime() for moment in times], rules.window_rows)
        case "all":
            profile = parse_profile(artifacts.get(session, reference_digest(session, production)))
            return Window(profile.window[1], None)


def reference_digest(session: Session, production: Production) -> str:
    """The artifact that a version is watched by: what `monitor calibrate` made last, or what it was registered with."""
    newest = session.execute(
        select(col(VersionReference.profile))
        .where(col(VersionReference.version_id) == production.version_id)
        .order_by(col(VersionReference.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    return str(newest) if newest is not None else production.profile


def answered_by(batches: Sequence[PredictionBatch], window: Window) -> int | None:
    """The version whose answers a report is about: the one that first answered most of the window.

    A later version that predicts an old month again does not count: it may have been trained on that month. Without
    event times every batch covers everything, and the newest one counts.
    """
    if not batches:
        return None
    if window.begin is None or window.end is None or any(batch.window_from is None for batch in batches):
        return batches[-1].version_id
    covered = [_overlap_s(batch, window.begin, window.end) for batch in batches]
    return next(
        batch.version_id for batch, seconds in zip(batches, covered, strict=True) if seconds >= max(covered) / 2
    )


def _overlap_s(batch: PredictionBatch, begin: datetime, end: datetime) -> float:
    first, last = batch.window_from or begin, batch.window_to or end
    return max((min(last, end) - max(first, begin)).total_seconds(), 0.0)


def _newest_event(run: RunContext, features: FeatureSet) -> datetime | None:
    frame = predictions.offline_frame(run.store, run.project, features.id or 0, (None, None))
    return predictions.event_window(frame, run.project.file.problem.event_time)[1]


def _batches_of(session: Session, project_id: int, window: Window) -> list[PredictionBatch]:
    rows = (
        session.execute(
            select(PredictionBatch)
            .where(col(PredictionBatch.project_id) == project_id)
            .order_by(col(PredictionBatch.id))
        )
        .scalars()
        .all()
    )
    return [
        row
        for row in rows
        if (window.end is None or row.window_from is None or row.window_from < window.end)
        and (window.begin is None or row.window_to is None or row.window_to > window.begin)
    ]


def _version(session: Session, version_id: int) -> Production:
    row, model = session.execute(
        select(ModelVersion, col(Model.name))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(ModelVersion.id) == version_id)
    ).one()
    return predictions.as_production(row, str(model))


__all__ = ["Subject", "answered_by", "choose", "newest_window", "reference_digest"]
