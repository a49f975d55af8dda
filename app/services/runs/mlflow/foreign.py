"""A run as MLflow keeps it, and the names under which Trainmaster's own fields travel in its tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.states import RunState

OURS = "trainmaster."
"""What the tags that carry our own fields begin with."""
NAME = OURS + "name."
"""`trainmaster.name.WRITTEN` holds the name of a metric or parameter that MLflow does not allow."""
NOTE = "mlflow.note.content"
RUN_NAME = "mlflow.runName"

STATES = {1: None, 2: None, 3: RunState.COMPLETED, 4: RunState.FAILED, 5: RunState.CANCELLED}
WORDS = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
NUMBERS = {RunState.COMPLETED: 3, RunState.FAILED: 4, RunState.CRASHED: 4, RunState.CANCELLED: 5}


@dataclass(frozen=True)
class Point:
    """One value of a metric: MLflow's time in milliseconds, the value, the step."""

    at_ms: int
    value: float
    step: int


@dataclass(frozen=True)
class ForeignRun:
    """One run of an MLflow store; times are milliseconds since 1970."""

    id: str
    experiment: str
    status: int
    start_ms: int | None
    end_ms: int | None
    user: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, list[Point]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    """The folder of its files, when it lies inside the store that is read."""


__all__ = ["NAME", "NOTE", "NUMBERS", "OURS", "RUN_NAME", "STATES", "WORDS", "ForeignRun", "Point"]
