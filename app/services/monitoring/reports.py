"""Monitor reports: one window of answers against the training profile, written with its alerts and decisions."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.problem import Task
from app.domain.project import canonical_json
from app.services import predictions
from app.services.monitoring.following import Outcome, follow
from app.services.monitoring.owed import only_known_here
from app.services.monitoring.serving_window import logged_skew
from app.services.monitoring.subjects import Subject, choose
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import artifacts
from app.store.columns import split_number
from app.store.lineage import link
from app.store.tables import MonitorReport, PredictionBatch, Signal

if TYPE_CHECKING:
    import pandas as pd

    from app.learning.loader import LoadedModel
    from app.monitoring.observed import Observed
    from app.monitoring.report import Report
    from app.monitoring.windows import Window


def monitor(task: TaskContext, *, month: str | None = None, owed: Window | None = None) -> dict[str, object]:
    """Report on the newest complete window (or on `month`, such as 2013-04) and write what follows from it.

    `owed` is an earlier window that is looked at before the newest one (`owed_windows`): what no later window tells
    yet follows from it too; from a `month` by hand nothing follows once a later window was reported.

    Report, signals, alerts, decisions and lineage are one transaction; the same window with the same numbers is not
    reported twice. Gives report, version, window, rows, labelled_rows, breached, opened, decisions, says.

    Errors: NotFound without production version or features, Usage for a wrong month, Damaged for a profile that cannot
    be read.
    """
    from app.learning.boosting import fit_and_ask
    from app.monitoring.reference import parse_profile
    from app.monitoring.report import report
    from app.monitoring.windows import parse_month

    run = task.run
    rules, problem = run.project.file.monitoring, run.project.file.problem
    task.progress(0, 4, "choosing the window")
    subject, profile_bytes, window, is_newest = choose(run, owed or (parse_month(month) if month is not None else None))
    profile = parse_profile(profile_bytes)
    task.progress(1, 4, f"reading {window}")
    frame = predictions.offline_frame(run.store, run.project, subject.features.id or 0, (window.begin, window.end))
    task.progress(2, 4, f"{len(frame):,} rows")
    model = predictions.load_version(run.store, subject.production.version_id)
    observed = _observe(task, frame, model, subject.batches)
    found = report(
        problem.task,
        profile,
        observed,
        rules,
        slices=problem.slices,
        metric=problem.judged_by,
        month=window.calendar_month,
        fit=fit_and_ask,
    )
    if is_newest:
        logged = logged_skew(run.store, run.project, subject.production.feature_set_id, list(profile.features))
        found = replace(found, signals=(*found.signals, *logged))
    task.progress(3, 4, "writing")
    says = _says(found, window)
    with run.store.write() as session:
        row, is_new = _write_report(session, task, subject, window, found)
        only = only_known_here(session, run.project_id, window)
        outcome = Outcome()
        if only is None or (owed is not None and is_new):
            outcome = follow(
                session, run, row, subject.production, subject.features, found,
                says_window=str(window), is_new=is_new, only=only,
            )  # fmt: skip
        node = Ref("report", row.key)
        link(
            session,
            [
                *((Ref("predictions", batch.key), node, "watched") for batch in subject.batches),
                (subject.production.ref, node, "watched"),
            ],
            now=now(),
        )
        says = says if is_new else f"{says} (reported before)"
        task.complete(
            session,
            says=says,
            inputs=[subject.production.ref, *(Ref("predictions", batch.key) for batch in subject.batches)],
            outputs=[node, *(Ref("alert", opened[0]) for opened in outcome.opened)],
        )
    return {
        "report": row.key,
        "version": subject.production.version,
        "window": str(window),
        "rows": found.rows,
        "labelled_rows": found.labelled_rows,
        "breached": [signal.name for signal in found.breached],
        "metrics": {
            signal.name: signal.value
            for signal in found.signals
            if signal.kind == "quality" and math.isfinite(signal.value)
        },
        "opened": [list(opened) for opened in outcome.opened],
        "resolved": list(outcome.resolved),
        "decisions": [list(decision) for decision in outcome.decisions],
        "says": says,
    }


def _observe(
    task: TaskContext, frame: pd.DataFrame, model: LoadedModel, batches: tuple[PredictionBatch, ...]
) -> Observed:
    """The answers that were given in a window; rows that no batch covers are answered now by the same version."""
    import numpy as np

    from app.monitoring.observed import Observed

    problem = task.run.project.file.problem
    signature = model.signature
    frame = frame.reset_index(drop=True)
    if len(frame) == 0:
        nothing = np.empty(0)
        return Observed(frame, nothing, nothing)
    labels = labels_of(frame, problem.target, model)
    keys = (*problem.entity, *([problem.event_time] if problem.event_time else []))
    lags = label_lag_hours(frame, problem.event_time, problem.label_time)
    if signature.task is Task.MULTICLASS:
        probabilities = model.predict_frame(frame)
        chosen = probabilities.argmax(axis=1).astype(float)
        return Observed(frame, chosen, labels, probabilities.max(axis=1), probabilities, lags, keys)
    scores = kept_scores(task, frame, batches)
    unanswered = np.isnan(scores)
    if unanswered.any():
        scores[unanswered] = model.predict_frame(frame[unanswered])
    return Observed(frame, scores, labels, label_lag_hours=lags, keys=keys)


def label_lag_hours(frame: pd.DataFrame, event_time: str | None, label_time: str | None) -> Any:
    """How many hours after its event each label was known, NaN where it is not; None without both times."""
    import pandas as pd

    if event_time is None or label_time is None or event_time not in frame or label_time not in frame:
        return None
    times = [pd.to_datetime(frame[name], utc=True, errors="coerce") for name in (label_time, event_time)]
    return ((times[0] - times[1]).dt.total_seconds() / 3600).to_numpy(dtype=float)


def kept_scores(task: TaskContext, frame: pd.DataFrame, batches: tuple[PredictionBatch, ...]) -> Any:
    """The score that was given for each row, NaN where none was or where the keys do not tell rows apart."""
    import numpy as np
    import pandas as pd

    problem = task.run.project.file.problem
    keys = [*problem.entity, *([problem.event_time] if problem.event_time else [])]
    none = np.full(len(frame), np.nan)
    if not batches or not keys or any(key not in frame for key in keys):
        return none
    with task.run.store.read() as session:
        parts = [pd.read_parquet(io.BytesIO(artifacts.get(session, batch.artifact))) for batch in batches]
    given = pd.concat(parts, ignore_index=True).drop_duplicates(keys, keep="first")
    if frame.duplicated(keys).any():
        return none
    if problem.event_time:
        given[problem.event_time] = given[problem.event_time].astype(frame[problem.event_time].dtype)
    joined = frame[keys].merge(given[[*keys, "score"]], on=keys, how="left", validate="one_to_one")
    return joined["score"].to_numpy(dtype=float, copy=True)  # rows without an answer are filled in


def labels_of(frame: pd.DataFrame, target: str, model: LoadedModel) -> Any:
    """The labels as numbers (class numbers, or the target's value), NaN where they are not known yet."""
    import numpy as np
    import pandas as pd

    from app.monitoring.drift import word_of

    if target not in frame:
        return np.full(len(frame), np.nan)
    if model.signature.task is Task.REGRESSION:
        numbers = pd.to_numeric(frame[target], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isfinite(numbers), numbers, np.nan)
    places = {name: float(place) for place, name in enumerate(model.signature.classes)}
    codes, uniques = pd.factorize(frame[target], use_na_sentinel=True)
    known = np.asarray([places.get(word_of(value), np.nan) for value in uniques] + [np.nan], dtype=float)
    return known[codes]


def _write_report(
    session: Session, task: TaskContext, subject: Subject, window: Window, found: Report
) -> tuple[MonitorReport, bool]:
    document = _document(found)
    content = canonical_json(document).encode()
    digest = hashlib.sha256(content).hexdigest()
    for row in session.execute(
        select(MonitorReport).where(
            col(MonitorReport.version_id) == subject.production.version_id, col(MonitorReport.digest) == digest
        )
    ).scalars():
        if (row.window_from, row.window_to) == (window.begin, window.end):
            return row, False
    artifact = artifacts.put(session, content, kind="monitor-profile", media_type="application/json", now=now())
    row = MonitorReport(
        key=new_key(),
        project_id=task.run.project_id,
        version_id=subject.production.version_id,
        run_id=task.run.run_id,
        window_from=window.begin,
        window_to=window.end,
        rows=found.rows,
        labelled_rows=found.labelled_rows,
        digest=digest,
        profile=artifact,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    session.connection().execute(insert(Signal), [_signal_row(row.id, signal) for signal in found.signals])
    return row, True


def _signal_row(report_id: int | None, signal: Any) -> dict[str, object]:
    value, special = split_number(signal.value)
    return {
        "report_id": report_id,
        "name": signal.name,
        "kind": signal.kind,
        "feature": signal.feature,
        "value": value,
        "special": special,
        "limit_value": signal.limit,
        "direction": str(signal.direction),
        "breached": signal.breached,
        "slice": signal.slice,
        "low": signal.low,
        "high": signal.high,
        "importance": signal.importance,
        "says": signal.says[:500],
    }


def _document(found: Report) -> dict[str, object]:
    """What is kept of a window: its shares over the profile's bins (missing last), and why a signal has no value."""
    return {
        "rows": found.rows,
        "labelled_rows": found.labelled_rows,
        "shares": {name: list(shares) for name, shares in found.shares.items()},
        "signals": {
            signal.name: {"value": signal.value if math.isfinite(signal.value) else None, "says": signal.says}
            for signal in found.signals
        },
    }


def _says(found: Report, window: Window) -> str:
    past = ", ".join(f"{signal.name} {signal.value:.3f}" for signal in found.breached[:4])
    more = f" and {len(found.breached) - 4} more" if len(found.breached) > 4 else ""
    verdict = f"past their limits: {past}{more}" if past else "all signals within their limits"
    return f"{window}: {found.rows:,} rows, {found.labelled_rows:,} labelled; {verdict}"


__all__ = ["kept_scores", "labels_of", "monitor"]
