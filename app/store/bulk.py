"""Bulk paths of the ledger: many finished runs, or many points, in a few statements."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from math import isfinite
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlmodel import Session, col

from app.domain.errors import BadInput
from app.domain.ids import new_key
from app.domain.states import CauseKind, RunState
from app.store.columns import number_of, split_number
from app.store.tables import Metric, MetricPoint, Parameter, Run

BATCH = 5_000


@dataclass(frozen=True)
class FinishedRun:
    """A run that happened elsewhere, with what it said of itself; times are aware, the duration is in seconds."""

    flow: str
    requested_at: datetime
    state: RunState = RunState.COMPLETED
    requested_by: str = "import"
    cause: CauseKind = CauseKind.PERSON
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    key: str | None = None
    cause_key: str | None = None
    seed: int | None = None
    commit: str | None = None
    dirty: bool | None = None
    charter_digest: str | None = None
    lock_digest: str | None = None
    peak_rss_bytes: int | None = None
    environment: str = ""
    requested: str | None = None
    """The parameters of the request as JSON, when they are not those of the run."""


def import_runs(session: Session, runs: Iterable[FinishedRun], *, project_id: int) -> list[str]:
    """Write finished runs with their parameters and metrics; gives their keys, in order.

    Raises BadInput for a run that has not ended; NaN and infinity of metrics are kept as such. All or nothing: it is
    one transaction of the caller's.
    """
    connection = session.connection()
    keys: list[str] = []
    pending = iter(runs)
    while batch := list(islice(pending, BATCH)):
        for run in batch:
            if not run.state.ended:
                raise BadInput(f"a run that is {run.state} cannot be imported", where=f"run {run.key or len(keys)}")
        rows = [_row(run, project_id) for run in batch]
        ids = _insert_runs(connection, rows)
        keys += [str(row["key"]) for row in rows]
        paired = list(zip(ids, batch, strict=True))
        texts = ((i, k, str(v)) for i, run in paired for k, v in run.parameters.items())
        parameters = ((i, k, text, number_of(text)) for i, k, text in texts)
        _insert(connection, Parameter, ("run_id", "key", "value", "number"), parameters)
        metrics = ((i, k, *split_number(v)) for i, run in paired for k, v in run.metrics.items())
        _insert(connection, Metric, ("run_id", "key", "value", "special"), metrics)
    return keys


def import_points(session: Session, run_id: int, histories: Mapping[str, Iterable[tuple[int, float]]]) -> None:
    """Write whole histories (step, value) of a run's metrics."""
    rows = (
        (run_id, key, int(step), number, None)
        if type(number) is float and isfinite(number)  # nearly all of them: no call more for each
        else (run_id, key, int(step), *split_number(number))
        for key, points in histories.items()
        for step, number in points
    )
    _insert(session.connection(), MetricPoint, ("run_id", "key", "step", "value", "special"), rows)


def _row(run: FinishedRun, project_id: int) -> dict[str, Any]:
    return {
        "key": run.key or new_key(),
        "flow": run.flow,
        "project_id": project_id,
        "state": run.state,
        "cause": run.cause,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_s": run.duration_s,
        "parameters": run.requested or json.dumps(dict(run.parameters), sort_keys=True, allow_nan=False, default=str),
        "environment": run.environment or "{}",
        "cause_key": run.cause_key,
        "seed": run.seed,
        "commit": run.commit,
        "dirty": run.dirty,
        "charter_digest": run.charter_digest,
        "lock_digest": run.lock_digest,
        "peak_rss_bytes": run.peak_rss_bytes,
        "stages_done": 0,
        "error": run.error,
        "next_step": "",
    }


def _insert_runs(connection: Connection, rows: list[dict[str, Any]]) -> list[int]:
    """Insert runs and give their ids in order; SQLite has one writer, so that the next ids are known beforehand."""
    if connection.dialect.name == "sqlite":
        first = (connection.execute(select(func.max(col(Run.id)))).scalar() or 0) + 1
        ids = list(range(first, first + len(rows)))
        connection.execute(insert(Run), [{"id": number, **row} for number, row in zip(ids, rows, strict=True)])
        return ids
    statement = insert(Run).returning(col(Run.id), sort_by_parameter_order=True)
    return [number for number in connection.execute(statement, rows).scalars() if number is not None]


def _insert(
    connection: Connection, table: type[Any], columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    """Insert rows whose values are checked already; SQLite takes them as tuples, without Core's work for each."""
    sqlite = connection.dialect.name == "sqlite"
    marks = ", ".join("?" for _ in columns)
    sql = f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    while batch := list(islice(rows, BATCH)):
        if sqlite:
            connection.exec_driver_sql(sql, batch)
        else:
            connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in batch])
