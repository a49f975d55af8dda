"""The newest rows of the prediction log: what was asked last, and what was answered."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.workspace import Workspace

COLUMNS = ["request_id", "row", "at", "project", "model", "version", "inputs", "prediction", "score"]
MOST_PARTS = 8


@dataclass(frozen=True)
class Logged:
    """One row of a request that was answered; `inputs` is its record as JSON."""

    request_id: str
    row: int
    at: datetime
    project: str
    model: str
    version: int
    inputs: str
    prediction: str
    score: float


def newest_part(workspace: Workspace) -> str:
    """The name of the newest part of the log, empty while there is none: it changes when there is more to read."""
    found = _newest(workspace, 1)
    return found[0].name if found else ""


def last_requests(workspace: Workspace, *, limit: int = 100) -> list[Logged]:
    """The newest rows of the log, the newest first; parts that cannot be read are left out."""
    from pyarrow import ArrowException, parquet

    rows: list[Logged] = []
    for part in _newest(workspace, MOST_PARTS):
        try:
            table = parquet.read_table(part, columns=COLUMNS)
        except (OSError, ArrowException):
            continue
        tail = table.slice(max(table.num_rows - limit, 0)).to_pylist()
        rows += [Logged(**row) for row in tail]
        if len(rows) >= limit:
            break
    return sorted(rows, key=lambda one: (one.at, one.request_id, -one.row), reverse=True)[:limit]


def inputs_of(logged: Logged) -> dict[str, object]:
    """The record that was asked about; empty when it is none."""
    try:
        found = json.loads(logged.inputs)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _newest(workspace: Workspace, count: int) -> list[Path]:
    """The newest parts over all projects, the newest first, by day and by the time in their names."""
    if not workspace.predictions.is_dir():
        return []
    days = [
        day
        for project in workspace.predictions.iterdir()
        if project.is_dir()
        for day in sorted(project.iterdir(), reverse=True)[:2]
        if day.is_dir()
    ]
    parts = [part for day in days for part in day.glob("part-*.parquet")]
    return sorted(parts, key=lambda part: (part.parent.name, part.name), reverse=True)[:count]


__all__ = ["Logged", "inputs_of", "last_requests", "newest_part"]
