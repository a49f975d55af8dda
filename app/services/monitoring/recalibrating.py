"""`trainmaster monitor calibrate`: the reference of a registered version made anew from its own stored rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused
from app.domain.problem import Task
from app.domain.project import canonical_json
from app.services import predictions
from app.services.monitoring.references import describe, examine, nanoseconds, shares_of
from app.services.monitoring.subjects import reference_digest
from app.services.workspaces import OpenProject, now
from app.store import artifacts, audit
from app.store.engine import Store
from app.store.tables import Model, ModelVersion, VersionReference

EXAM = ("score", "test_rows", "score_calibration", "estimate", "test_window")
"""What a profile says of the test rows."""

if TYPE_CHECKING:
    import pandas as pd

    from app.learning.loader import LoadedModel


@dataclass(frozen=True)
class Recalibrated:
    """The version, what its limits come from now, and the same in words."""

    model: str
    version: int
    rows: int
    blocks: tuple[int, ...]
    seasonal: bool
    estimates: bool
    says: str


def recalibrate(store: Store, project: OpenProject, *, version: int | None, by: str) -> Recalibrated:
    """Make the reference of a version (default: the one in production) from the rows that it was trained and tested on.

    The version itself stays as it is; reports from now on use the new reference. Errors: NotFound for an unknown
    version, Refused where its rows can no longer be told apart (a random split, or rows that have changed since).
    """
    from app.monitoring.reference import parse_profile

    with store.read() as session:
        row, model_name = _version(session, project, version)
    model = predictions.load_version(store, row.id or 0)
    profile = _with_exam(store, row, model_name, _profile(store, project, row, model))
    content = canonical_json(profile).encode()
    made = parse_profile(content)
    blocks = tuple(level.blocks for level in made.calibration.levels) if made.calibration is not None else ()
    seasonal = made.calibration is not None and bool(made.calibration.seasons)
    estimates = made.estimate is not None and not made.estimate.refusal
    kind = "with a limit for each calendar month" if seasonal else "the same limits all year"
    says = (
        f"{model_name} v{row.version}: reference of {made.rows:,} rows, limits from "
        f"{' and '.join(map(str, blocks)) or 'no'} stretches of time, {kind}; "
        + (
            "quality can be estimated"
            if estimates
            else f"no estimate: {made.estimate.refusal if made.estimate else ''}"
        )
    )
    with store.write(durable=True) as session:
        digest = artifacts.put(session, content, kind="profile", media_type="application/json", now=now())
        session.add(VersionReference(version_id=row.id or 0, profile=digest, actor=by, created_at=now()))
        audit.record(
            session,
            actor=by,
            action="monitor.calibrated",
            subject=f"model:{model_name}/{row.version}",
            now=now(),
            details={"profile": digest, "rows": made.rows},
        )
    return Recalibrated(model_name, row.version, made.rows, blocks, seasonal, estimates, says)


def _version(session: Session, project: OpenProject, version: int | None) -> tuple[ModelVersion, str]:
    found = (
        select(ModelVersion, col(Model.name))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Model.name) == project.name)
    )
    if version is not None:
        row = session.execute(found.where(col(ModelVersion.version) == version)).first()
    else:
        row = session.execute(found.where(col(ModelVersion.stage) == "production")).first()
    if row is None:
        which = "no version in production" if version is None else f"no version {version}"
        raise NotFound(f"there is {which} of {project.name}", next_step="trainmaster models ls")
    return row[0], str(row[1])


def _profile(store: Store, project: OpenProject, row: ModelVersion, model: LoadedModel) -> dict[str, object]:
    from app.learning.encode import encode, encode_target

    problem, manifest, signature = project.file.problem, model.package.manifest, model.signature
    windows, counts = manifest.get("windows") or {}, manifest.get("rows") or {}
    time = problem.event_time
    if time is None or not all((windows.get(part) or [None])[0] for part in ("train", "test")):
        raise Refused(
            f"v{row.version} was not split by time: which rows it was trained on cannot be told from their times",
            next_step=f"trainmaster train {project.name}",
        )
    frame = predictions.offline_frame(store, project, row.feature_set_id, (None, None))
    frame = frame[frame[problem.target].notna()]
    parts = [_between(frame, time, windows[part]) for part in ("train", "test")]
    for name, part in zip(("train", "test"), parts, strict=True):
        if len(part) != counts.get(name):
            raise Refused(
                f"v{row.version} had {counts.get(name)} {name} rows, the stored features give {len(part)} now",
                next_step=f"trainmaster train {project.name}",
            )
    train, test = (encode(part, signature) for part in parts)
    labels = encode_target(parts[1][problem.target], signature.task, signature.classes)
    target = encode_target(parts[0][problem.target], signature.task, signature.classes)
    evaluation: Any = manifest.get("evaluation") or {}
    importance = {
        str(one["feature"]): (one["shap"], one["permutation"] or 0.0) for one in evaluation.get("importance") or ()
    }
    times = nanoseconds(parts[0][time]), nanoseconds(parts[1][time])
    examined = examine(
        signature,
        (test, labels, model.predict_matrix(test.matrix)),
        times,
        naive=_naive(signature.task, target, len(signature.classes), problem.quantile),
    )
    return {
        **describe(signature, train, times[0]),
        **examined,
        "window": windows["train"],
        "test_window": windows["test"],
        "metrics": dict(manifest.get("metrics") or {}),
        "importance": shares_of(importance),
    }


def _with_exam(store: Store, row: ModelVersion, name: str, profile: dict[str, object]) -> dict[str, object]:
    """The profile with the exam that is kept, where the new one has none.

    A version that was fitted again with its exam's rows has no later rows of its own: what was learned about its
    answers before that stands.
    """
    with store.read() as session:
        kept = json.loads(artifacts.get(session, reference_digest(session, predictions.as_production(row, name))))
    made, before = profile.get("estimate"), kept.get("estimate")
    if not (isinstance(made, dict) and made.get("refusal")) or not before or before.get("refusal"):
        return profile
    return {**profile, **{part: kept[part] for part in EXAM if part in kept}}


def _between(frame: pd.DataFrame, time: str, window: list[str]) -> pd.DataFrame:
    begin, end = (datetime.fromisoformat(moment) for moment in window)
    return frame[(frame[time] >= begin) & (frame[time] <= end)].reset_index(drop=True)


def _naive(task: Task, target: Any, classes: int, quantile: float | None) -> list[float]:
    import numpy as np

    if task is Task.REGRESSION:
        return [float(np.mean(target) if quantile is None else np.quantile(target, quantile))]
    shares = np.bincount(target.astype(np.int64), minlength=classes) / len(target)
    return [float(share) for share in shares]


__all__ = ["Recalibrated", "recalibrate"]
