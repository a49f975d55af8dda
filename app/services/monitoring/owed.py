"""Windows that are owed a look: they were passed over, came late, or more of their labels have landed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Damaged, NotFound
from app.services import predictions
from app.services.features.reading import folder_of
from app.services.monitoring.subjects import newest_window, reference_digest
from app.services.running import RunContext
from app.store import artifacts
from app.store.tables import FeatureSet, MonitorReport, Signal

if TYPE_CHECKING:
    from app.monitoring.windows import Window

MOST_BACK = 12
"""How many windows before the newest one are looked at again."""


@dataclass(frozen=True)
class _Counted:
    rows: int
    labelled: int


def owed_windows(run: RunContext) -> tuple[Window, ...]:
    """Months, weeks or days before the newest complete one that no report tells of as they are now, oldest first.

    A window counts from the first report on, or from the end of the reference where nothing was reported yet; at most
    twelve windows back. Reads the times and labels of the spine alone. Nothing without event times or production.
    """
    from app.monitoring.windows import earlier

    rules, problem = run.project.file.monitoring, run.project.file.problem
    if problem.event_time is None or rules.window not in ("month", "week", "day"):
        return ()
    with run.store.read() as session:
        try:
            production = predictions.production_of(session, run.project_id, run.project.name)
            features = predictions.newest_features(session, run.project_id, run.project.name)
        except NotFound:
            return ()
        newest = newest_window(run, session, production, features)
        if newest.begin is None:
            return ()
        told = _reported(session, run.project_id)
        profile = json.loads(artifacts.get(session, reference_digest(session, production)))
    since = min([*(begin for begin, _ in told if begin is not None), *_known_until(profile)], default=None)
    if since is None:
        return ()
    windows = [one for one in earlier(newest, rules.window, MOST_BACK) if one.begin is not None and one.begin >= since]
    if not windows:
        return ()
    found = _counted(run, features, windows)
    return tuple(
        window
        for window in reversed(windows)
        if (now := found[window]).rows
        and (
            (before := told.get((window.begin, window.end))) is None
            or now.rows > before.rows
            or now.labelled > before.labelled
        )
    )


def only_known_here(session: Session, project_id: int, window: Window) -> frozenset[str] | None:
    """None when no later window was reported; otherwise the signals of which every later window's report has no value.

    What a later window tells counts more; what none of them can tell yet (labels that have not landed) counts as
    told here.
    """
    if window.end is None:
        return None
    later = session.execute(
        select(col(MonitorReport.id), col(MonitorReport.window_from), col(MonitorReport.window_to))
        .where(col(MonitorReport.project_id) == project_id, col(MonitorReport.window_to) > window.end)
        .order_by(col(MonitorReport.id))
    ).all()
    if not later:
        return None
    newest = {(begin, end): report for report, begin, end in later}
    rows = session.execute(
        select(col(Signal.name), col(Signal.special)).where(col(Signal.report_id).in_(list(newest.values())))
    ).all()
    known = {name for name, special in rows if special is None}
    return frozenset(name for name, _ in rows if name not in known)


def _known_until(profile: Mapping[str, Any]) -> list[datetime]:
    """The last event that the version was trained or tested on."""
    ends = [(profile.get(name) or (None, None))[1] for name in ("window", "test_window")]
    return [max(datetime.fromisoformat(str(end)) for end in ends if end)] if any(ends) else []


def _reported(session: Session, project_id: int) -> Mapping[tuple[datetime | None, datetime | None], _Counted]:
    """By window, what its newest report counted."""
    rows = session.execute(
        select(
            col(MonitorReport.window_from),
            col(MonitorReport.window_to),
            col(MonitorReport.rows),
            col(MonitorReport.labelled_rows),
        )
        .where(col(MonitorReport.project_id) == project_id, col(MonitorReport.window_from).is_not(None))
        .order_by(col(MonitorReport.id))
    ).all()
    return {(begin, end): _Counted(rows, labelled) for begin, end, rows, labelled in rows}


def _counted(run: RunContext, features: FeatureSet, windows: list[Window]) -> dict[Window, _Counted]:
    """How many rows each window has in the feature store, and how many of them have a label."""
    import pandas as pd

    from app.features import offline

    records: dict[str, dict[str, Any]] = json.loads(features.views)
    spine = next(record for record in records.values() if record.get("is_spine"))
    problem = run.project.file.problem
    wanted = [str(problem.event_time), problem.target]
    try:
        table = offline.read(folder_of(run.project) / str(spine["table"]), int(spine["version"]), wanted)
    except Damaged:
        return dict.fromkeys(windows, _Counted(0, 0))  # the report itself says so
    times = pd.to_datetime(table[wanted[0]].to_pandas(), utc=True)
    labelled = table[wanted[1]].to_pandas().notna()
    found = {}
    for window in windows:
        inside = (times >= window.begin) & (times < window.end)
        found[window] = _Counted(int(inside.sum()), int((inside & labelled).sum()))
    return found


__all__ = ["only_known_here", "owed_windows"]
