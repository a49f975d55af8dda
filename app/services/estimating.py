"""What training will need, told before it begins, kept with the run, and compared with what it did need."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.errors import NotFound
from app.domain.project import Learner
from app.domain.states import RunState
from app.machine import estimate as engine
from app.machine.estimate import Interval, PastRun, Shape, SmallFit
from app.machine.gpu import read_gpus
from app.services.running import register_project
from app.services.workspaces import OpenProject, now
from app.store.engine import Store
from app.store.tables import Estimate, FeatureSet, Run, Task

LOOKED_AT = 20
PAST, SMALL = "past runs", "small fits"
SEARCH = "experiment"
"""The flow of a search: its figures say nothing about one training."""
SMALL_ROWS = (1_000, 6_000)
SMALL_ROUNDS = (5, 20)
MOST_SLOWED = 20.0
"""How much slower than alone a machine can be believed to stay for a whole run."""


@dataclass(frozen=True)
class Tracked:
    """How one earlier estimate did; `error` is actual / predicted - 1."""

    run: str
    basis: str
    predicted_s: float
    actual_s: float
    error: float
    predicted_rss_bytes: int
    actual_rss_bytes: int
    inside: bool


@dataclass(frozen=True)
class Estimated:
    """What a training run will need, with 90 % intervals, what that is based on, and how earlier estimates did."""

    project: str
    learner: str
    device: str
    shape: Shape
    basis: str
    seconds: Interval
    rss_bytes: Interval
    gpu_memory_bytes: int
    tracked: tuple[Tracked, ...]

    @property
    def typical_error(self) -> float | None:
        """The median of what earlier estimates were off by, as a share; None before the first run."""
        return median(abs(one.error) for one in self.tracked) if self.tracked else None

    @property
    def coverage(self) -> float | None:
        """The share of the tracked runs whose time lay inside its interval, which promises 0.9; None before one."""
        return sum(one.inside for one in self.tracked) / len(self.tracked) if self.tracked else None

    @property
    def says(self) -> str:
        """One line for a person."""
        seconds, rss = self.seconds, self.rss_bytes
        return (
            f"{seconds.value:.1f} s ({seconds.low:.1f} to {seconds.high:.1f}), {_mb(rss.value)} of memory "
            f"({_mb(rss.low)} to {_mb(rss.high)}), from {self.basis}"
        )


def estimate(
    store: Store,
    project: OpenProject,
    *,
    rounds: int | None = None,
    threads: int | None = None,
    version: int | None = None,
) -> Estimated:
    """What training on a version of the features (default: the newest) will need.

    From earlier runs of the project when there are any, else from four small fits of the same width, which take about a
    second, and from what runs of other projects took on this machine beside their fits. Raises NotFound before features
    were built.
    """
    from app.learning.openmp import usable_threads

    project_id = register_project(store, project)
    with store.read() as session:
        rows, features = _width(session, project, project_id, version)
        learner = project.file.learner
        past, tracked = _past(session, learner.kind, project_id)
        elsewhere, others = ([], []) if past else _past(session, learner.kind, None)
    shape = Shape(rows, features, rounds or learner.rounds, threads or usable_threads())
    device = "cpu" if learner.device == "cpu" or not read_gpus() else learner.device
    basis = PAST if past else SMALL
    if past:
        seconds = engine.by_past_runs(past, shape)
    else:
        fits, slowdown = small_fits(learner, features)
        beside = engine.beside_the_fit(rows, elsewhere) * (1.0 if elsewhere else slowdown)
        seconds = engine.by_small_fits(fits, shape, beside, slowdown)
    seen = [one for one in tracked or others if one.basis == basis]
    errors = [math.log(one.actual_s / one.predicted_s) for one in seen if one.actual_s > 0]
    peaks = [math.log(one.actual_rss_bytes / one.predicted_rss_bytes) for one in seen if one.actual_rss_bytes]
    return Estimated(
        project.name,
        learner.kind,
        device,
        shape,
        basis,
        engine.around(seconds, engine.width_of(errors, basis)),
        engine.around(engine.memory(shape, past or elsewhere), engine.width_of(peaks, basis)),
        engine.gpu_memory(shape, device),
        tuple(tracked),
    )


def estimate_search(store: Store, project: OpenProject, *, version: int | None = None) -> Estimated:
    """The same for a search: its trials in each fold, and the child beside the rows; raises NotFound."""
    found = estimate(store, project, version=version)
    rule = project.file.search
    fits, rows_share = (rule.trials + 1) * rule.folds, 0.5 + 0.5 / (rule.folds + 1)
    fit_share = max(0.0, 1 - engine.beside_the_fit(found.shape.rows) / found.seconds.value)
    return replace(
        found,
        seconds=engine.search_of(found.seconds, fit_share, fits, rows_share),
        rss_bytes=engine.memory_of_search(found.rss_bytes, found.shape),
    )


def keep(session: Session, project_id: int, found: Estimated, *, run_id: int | None = None) -> None:
    """Write an estimate, with its run when it has one; its actual figures are filled in when the run ends."""
    session.connection().execute(
        insert(Estimate),
        {
            "project_id": project_id,
            "run_id": run_id,
            "learner": found.learner,
            "device": found.device,
            "rows": found.shape.rows,
            "features": found.shape.features,
            "rounds": found.shape.rounds,
            "threads": found.shape.threads,
            "basis": found.basis,
            "seconds": found.seconds.value,
            "seconds_low": found.seconds.low,
            "seconds_high": found.seconds.high,
            "rss_bytes": int(found.rss_bytes.value),
            "rss_low_bytes": int(found.rss_bytes.low),
            "rss_high_bytes": int(found.rss_bytes.high),
            "gpu_memory_bytes": found.gpu_memory_bytes,
            "created_at": now(),
        },
    )


def small_fits(learner: Learner, features: int) -> tuple[list[SmallFit], float]:
    """Four small fits on made rows of so many features, on one thread, in seconds of the processor; and the slowdown.

    The slowdown says how much longer they took by the clock: others use the machine. A first fit warms the library up.
    """
    import numpy as np

    from app.domain.problem import Task as Kind
    from app.learning import learners

    generator = np.random.default_rng(7)
    kind = _regressor(learner)
    found, clock_s = [], 0.0
    for rows, rounds in ((200, SMALL_ROUNDS[0]), *((rows, rounds) for rows in SMALL_ROWS for rounds in SMALL_ROUNDS)):
        matrix = np.asfortranarray(generator.normal(size=(rows, max(1, features))))
        target = matrix[:, 0] + generator.normal(size=rows)
        small = kind.model_copy(update={"device": "cpu", "rounds": rounds})
        begun, worked = time.perf_counter(), time.thread_time()
        learners.fit(Kind.REGRESSION, matrix, target, learner=small, threads=1)
        found.append(SmallFit(Shape(rows, features, rounds, 1), time.thread_time() - worked))
        clock_s += time.perf_counter() - begun if len(found) > 1 else 0.0
    slowdown = clock_s / max(sum(fit.seconds for fit in found[1:]), 1e-6)
    return found[1:], min(max(slowdown, 1.0), MOST_SLOWED)


def _regressor(learner: Learner) -> Learner:
    return learner if learner.kind == "lightgbm" else Learner(device="cpu")


def _width(session: Session, project: OpenProject, project_id: int, version: int | None) -> tuple[int, int]:
    import json

    query = select(FeatureSet).where(col(FeatureSet.project_id) == project_id)
    if version is not None:
        query = query.where(col(FeatureSet.version) == version)
    row: FeatureSet | None = session.execute(query.order_by(col(FeatureSet.version).desc()).limit(1)).scalars().first()
    if row is None:
        raise NotFound(
            f"the features of {project.name} were not built yet",
            next_step=f"trainmaster features build --project {project.name}",
        )
    views = [record for record in json.loads(row.views).values() if not record.get("is_spine")]
    return row.rows, sum(len(record.get("columns", ())) for record in views)


def _past(session: Session, learner: str, project_id: int | None) -> tuple[list[PastRun], list[Tracked]]:
    """The newest finished trainings of a learner that had an estimate: of one project, or of all on this machine."""
    fit = select(col(Task.run_id), col(Task.duration_s)).where(col(Task.name) == "fit").subquery()
    rows = session.execute(
        select(Estimate, col(Run.key), fit.c.duration_s)
        .join(Run, col(Run.id) == col(Estimate.run_id))
        .join(fit, fit.c.run_id == col(Run.id), isouter=True)
        .where(
            col(Estimate.learner) == learner,
            *([] if project_id is None else [col(Estimate.project_id) == project_id]),
            col(Run.flow) != SEARCH,
            col(Estimate.actual_seconds).is_not(None),
            col(Run.state) == RunState.COMPLETED,
        )
        .order_by(col(Estimate.id).desc())
        .limit(LOOKED_AT)
    ).all()
    runs = [
        PastRun(
            Shape(row.rows, row.features, row.rounds, row.threads),
            row.actual_seconds,
            min(fit_s or row.actual_seconds, row.actual_seconds),
            row.actual_rss_bytes or 0,
        )
        for row, _, fit_s in rows
    ]
    return runs, [tracked_of(row, key) for row, key, _ in rows]


def tracked_of(row: Estimate, run: str) -> Tracked:
    """An estimate of a run that has ended, beside what it needed."""
    actual_s = row.actual_seconds or 0.0
    return Tracked(
        run,
        row.basis,
        row.seconds,
        actual_s,
        actual_s / row.seconds - 1 if row.seconds else 0.0,
        row.rss_bytes,
        row.actual_rss_bytes or 0,
        row.seconds_low <= actual_s <= row.seconds_high,
    )


def _mb(count: float) -> str:
    return f"{count / (1 << 20):,.0f} MB"


__all__: Sequence[str] = ["Estimated", "Tracked", "estimate", "keep", "small_fits", "tracked_of"]
