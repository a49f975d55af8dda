"""Searches and their trials, for screens and commands."""

import json
import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from app.domain.errors import NotFound
from app.store.queries.rows import where
from app.store.reader import Reader


@dataclass(frozen=True)
class ExperimentRow:
    """A search: how far it is, what it found, and by which run it was begun."""

    id: int
    key: str
    project: str
    state: str
    metric: str
    direction: str
    wanted: int
    trials: int
    completed: int
    pruned: int
    failed: int
    best: int | None
    best_value: float | None
    best_learner: str | None
    first_value: float | None
    features: int
    stopped: str
    created_at: str
    finished_at: str | None
    last_run: str

    @property
    def ended(self) -> bool:
        """Whether no trial will follow unless it is resumed."""
        return self.state not in ("running", "requested")


@dataclass(frozen=True)
class TrialRow:
    """A trial; `curve` holds (share of its rounds, mean over the folds)."""

    number: int
    state: str
    learner: str
    parameters: dict[str, Any]
    value: float | None
    standard_error: float | None
    fold_values: tuple[float, ...]
    rounds: int | None
    share: float | None
    says: str
    run: str
    started_at: str
    duration_s: float | None
    peak_bytes: int | None
    curve: tuple[tuple[float, float], ...]


UNTUNED = 2
"""The trial after the two baselines: the project's first learner as it is without tuning."""


@dataclass(frozen=True)
class FoldGain:
    """How much better one trial is than another over the same folds, positive when better, and its standard error."""

    gain: float
    standard_error: float
    better_in: int
    folds: int

    @property
    def says(self) -> str:
        """The gain in words.

        >>> FoldGain(0.0145, 0.0021, 3, 3).says
        '+0.0145 ± 0.0021 (standard error over 3 folds, better in 3)'
        """
        return f"{self.gain:+.4f} ± {self.standard_error:.4f} " + (
            f"(standard error over {self.folds} folds, better in {self.better_in})"
        )


def gain_over_folds(mine: TrialRow, theirs: TrialRow, direction: str) -> FoldGain | None:
    """Two trials fold by fold: both were judged on the same rows of each; None unless both have all folds."""
    if len(mine.fold_values) != len(theirs.fold_values) or len(mine.fold_values) < 2:
        return None
    sign = 1.0 if direction == "higher" else -1.0
    gains = [sign * (one - other) for one, other in zip(mine.fold_values, theirs.fold_values, strict=True)]
    if not all(math.isfinite(gain) for gain in gains):
        return None
    better = sum(gain > 0 for gain in gains)
    return FoldGain(fmean(gains), stdev(gains) / math.sqrt(len(gains)), better, len(gains))


EXPERIMENT = """
SELECT e.id, e.key, p.name AS project, e.metric, e.direction, e.wanted, e.stopped, e.created_at, e.finished_at,
       f.version AS features, r.state, r.key AS last_run,
       (SELECT COUNT(*) FROM trial t WHERE t.experiment_id = e.id) AS trials,
       (SELECT COUNT(*) FROM trial t WHERE t.experiment_id = e.id AND t.state = 'completed') AS completed,
       (SELECT COUNT(*) FROM trial t WHERE t.experiment_id = e.id AND t.state = 'pruned') AS pruned,
       (SELECT COUNT(*) FROM trial t WHERE t.experiment_id = e.id AND t.state = 'failed') AS failed,
       b.number AS best, b.value AS best_value, b.learner AS best_learner,
       (SELECT t.value FROM trial t WHERE t.experiment_id = e.id AND t.number = 2) AS first_value
FROM experiment e
JOIN project p ON p.id = e.project_id
JOIN feature_set f ON f.id = e.feature_set_id
JOIN run r ON r.id = COALESCE((SELECT MAX(t.run_id) FROM trial t WHERE t.experiment_id = e.id), e.run_id)
LEFT JOIN trial b ON b.experiment_id = e.id AND b.number = COALESCE(
    e.best, (SELECT MIN(t.number) FROM trial t WHERE t.experiment_id = e.id AND t.state = 'completed' AND t.value =
        CASE e.direction
        WHEN 'higher' THEN (SELECT MAX(x.value) FROM trial x WHERE x.experiment_id = e.id AND x.state = 'completed')
        ELSE (SELECT MIN(x.value) FROM trial x WHERE x.experiment_id = e.id AND x.state = 'completed') END))
"""
"""`best` of a search that is under way is the best so far."""


BY_RUN = """WHERE e.key LIKE :key OR e.id IN
    (SELECT t.experiment_id FROM trial t JOIN run x ON x.id = t.run_id WHERE x.key LIKE :key)"""

TRIAL = """
SELECT t.number,
       CASE WHEN t.state = 'running' AND r.state NOT IN ('running', 'requested') THEN 'lost' ELSE t.state END AS state,
       t.learner, t.parameters, t.value, t.standard_error, t.fold_values, t.rounds, t.share, t.says,
       r.key AS run, t.started_at, t.duration_s, t.peak_bytes, t.curve
FROM trial t JOIN run r ON r.id = t.run_id
WHERE t.experiment_id = :experiment
"""


def experiments(
    reader: Reader, project: str | None = None, *, limit: int = 200, before: int | None = None
) -> list[ExperimentRow]:
    """The newest searches first; `before` (an id) begins the next page."""
    conditions = where(["p.name = :project" if project else "", "e.id < :before" if before else ""])
    rows = reader.rows(
        f"{EXPERIMENT} {conditions} ORDER BY e.id DESC LIMIT :limit",
        {"project": project, "before": before, "limit": limit},
    )
    return [ExperimentRow(**row) for row in rows]


def experiment(reader: Reader, key: str) -> ExperimentRow:
    """The search that a run began or went on with; an unambiguous beginning of the key will do. Raises NotFound."""
    rows = reader.rows(
        f"{EXPERIMENT} {BY_RUN} LIMIT 2",
        {"key": key.replace("%", "").replace("_", "") + "%"},
    )
    if len(rows) != 1:
        what = "no search" if not rows else "more than one search"
        raise NotFound(f"{what} has a run whose key begins with {key!r}", next_step="trainmaster experiments ls")
    return ExperimentRow(**rows[0])


def trials(reader: Reader, experiment_id: int, *, limit: int = 500, after: int | None = None) -> list[TrialRow]:
    """The trials of a search in their order; `after` (a number) begins the next page."""
    bound = "AND t.number > :after" if after is not None else ""
    rows = reader.rows(
        f"{TRIAL} {bound} ORDER BY t.number LIMIT :limit",
        {"experiment": experiment_id, "after": after, "limit": limit},
    )
    return [_trial(row) for row in rows]


def newest_trials(reader: Reader, experiment_id: int, *, limit: int = 500) -> list[TrialRow]:
    """The newest trials of a search, the newest last."""
    rows = reader.rows(f"{TRIAL} ORDER BY t.number DESC LIMIT :limit", {"experiment": experiment_id, "limit": limit})
    return [_trial(row) for row in reversed(rows)]


def edges(reader: Reader, experiment_id: int) -> tuple[str, ...]:
    """What was said of the best trial's values that lie at an end of their space."""
    found = reader.value("SELECT edges FROM experiment WHERE id = :id", {"id": experiment_id})
    return tuple(json.loads(found or "[]"))


def _trial(row: dict[str, Any]) -> TrialRow:
    read = {name: json.loads(row[name]) for name in ("parameters", "fold_values", "curve")}
    read["fold_values"] = tuple(read["fold_values"])
    read["curve"] = tuple((share, value) for share, value in read["curve"])
    return TrialRow(**{**row, **read})


__all__ = [
    "UNTUNED",
    "ExperimentRow",
    "FoldGain",
    "TrialRow",
    "edges",
    "experiment",
    "experiments",
    "gain_over_folds",
    "newest_trials",
    "trials",
]
