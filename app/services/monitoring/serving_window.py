"""A day of the prediction log against the training profile, and logged features against those computed now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import NotFound, Usage
from app.domain.workspace import Workspace
from app.services import predictions
from app.services.monitoring.subjects import reference_digest
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Project

if TYPE_CHECKING:
    import pandas as pd

    from app.monitoring.signals import SignalValue

SKEW_ROWS = 20_000


@dataclass(frozen=True)
class ServingReport:
    """What the log of a day says: the signals of its rows, what was left out, and the same in words."""

    project: str
    day: str
    version: int
    rows: int
    signals: tuple[SignalValue, ...]
    says: str


def serving_report(
    store: Store, workspace: Workspace, project: OpenProject, *, day: str | None = None
) -> ServingReport:
    """Watch the answers that the gateway gave on a day (UTC, such as 2013-04-01; default: the newest that is logged).

    The parts are read one after the other: a day of ten million rows needs no more memory than one of a hundred
    thousand. Skew is looked for among the newest 20,000 rows whose records hold the project's keys. Errors: NotFound
    without a log or a version in production, Usage for a day that is none.
    """
    from app.monitoring.reference import parse_profile
    from app.monitoring.report import drift_report
    from app.monitoring.serving_log import read_log

    chosen, parts = _parts(workspace, project.name, day)
    with store.read() as session:
        project_id = session.execute(select(col(Project.id)).where(col(Project.name) == project.name)).scalar()
        production = predictions.production_of(session, int(project_id or 0), project.name)
        profile = parse_profile(artifacts.get(session, reference_digest(session, production)))
    window = read_log(profile, parts, version=production.version)
    rules = project.file.monitoring
    signals = drift_report(profile, window.measured, window.score, rules, window.rows)
    skewed = _skew(store, project, production.feature_set_id, parts, list(profile.features))
    left = [
        f"{window.other_rows:,} rows of other versions" if window.other_rows else "",
        f"{window.broken_rows:,} rows without a record" if window.broken_rows else "",
        f"{len(window.unreadable)} parts that cannot be read" if window.unreadable else "",
    ]
    past = [signal.name for signal in (*signals, *skewed) if signal.breached]
    verdict = f"past their limits: {', '.join(past[:6])}" if past else "all signals within their limits"
    out = "; ".join(part for part in left if part)
    says = f"{chosen}: {window.rows:,} rows of version {production.version}; {verdict}" + (
        f"; left out {out}" if out else ""
    )
    return ServingReport(project.name, chosen, production.version, window.rows, (*signals, *skewed), says)


def logged_skew(store: Store, project: OpenProject, feature_set_id: int, features: Sequence[str]) -> list[SignalValue]:
    """Skew between the newest day of the prediction log and the offline store; nothing where nothing is logged."""
    try:
        _, parts = _parts(project.workspace, project.name, None)
    except NotFound:
        return []
    return _skew(store, project, feature_set_id, parts, features)


def _parts(workspace: Workspace, project: str, day: str | None) -> tuple[str, list[Path]]:
    from datetime import date

    folder = workspace.predictions / project
    days = sorted(place.name for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    if day is not None:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise Usage(f"{day!r} is not a day", next_step="write it as 2013-04-01") from None
    chosen = day if day is not None else (days[-1] if days else "")
    parts = sorted((folder / chosen).glob("part-*.parquet")) if chosen in days else []
    if not parts:
        raise NotFound(
            f"no prediction of {project} is logged" + (f" on {chosen}" if chosen else ""),
            next_step="ask the gateway for a prediction: trainmaster predict --help",
        )
    return chosen, parts


def _skew(
    store: Store, project: OpenProject, feature_set_id: int, parts: Sequence[Path], features: Sequence[str]
) -> list[SignalValue]:
    """A signal a feature: the share of rows whose logged value differs from the offline store's."""
    import math

    import pandas as pd

    from app.monitoring.serving_log import skew
    from app.monitoring.signals import by_hand, judged

    problem, rules = project.file.problem, project.file.monitoring
    keys = [*problem.entity, *([problem.event_time] if problem.event_time else [])]
    logged = _logged(parts)
    if any(key not in logged for key in keys):
        lacking = ", ".join(key for key in keys if key not in logged)
        says = f"the logged records hold no {lacking}: which rows they are of is not known"
        return [judged("skew", "serving", math.nan, None, says=says)]
    if problem.event_time:
        logged[problem.event_time] = pd.to_datetime(logged[problem.event_time], utc=True, errors="coerce")
        logged = logged[logged[problem.event_time].notna()]
        times = logged[problem.event_time]
        window = (times.min().to_pydatetime(), None) if len(times) else (None, None)
    else:
        window = (None, None)
    computed = predictions.offline_frame(store, project, feature_set_id, window)
    for key in keys:
        if str(logged[key].dtype) != str(computed[key].dtype):
            logged[key] = logged[key].astype(computed[key].dtype)
    found = []
    for one in skew(logged, computed, keys, features):
        name = f"skew.{one.feature}"
        limit = by_hand(rules, name)
        says = f"{one.different} of {one.rows} rows differ" + (f": {one.example}" if one.example else "")
        says = says if one.rows else "no logged row has its keys in the offline store"
        found.append(
            judged(name, "serving", one.share, 0.0 if limit is None else limit, feature=one.feature, says=says)
        )
    return found


def _logged(parts: Sequence[Path]) -> pd.DataFrame:
    """The newest rows of the log, their records as columns."""
    import json

    import pandas as pd
    from pyarrow import ArrowException, parquet

    records: list[dict[str, Any]] = []
    for part in reversed(parts):
        try:
            texts = parquet.read_table(part, columns=["inputs"])["inputs"].to_pylist()
        except (OSError, ArrowException, KeyError):
            continue
        for text in texts:
            try:
                record = json.loads(text)
            except (TypeError, ValueError):
                continue
            if isinstance(record, dict):
                records.append(record)
        if len(records) >= SKEW_ROWS:
            break
    return pd.DataFrame(records[:SKEW_ROWS])


__all__ = ["ServingReport", "logged_skew", "serving_report"]
