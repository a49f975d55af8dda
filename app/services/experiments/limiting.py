"""Every fit of a training run is made in a child with limits, so that no learner can hang or starve the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import col

from app.domain.project import Learner
from app.services.running import RunContext
from app.store.tables import Estimate

if TYPE_CHECKING:
    from app.learning.apart.process import Limits
    from app.learning.learners import Fitted

LEAST_S = 600.0
TIMES = 10.0
"""How many times the upper end of its estimate a run may take for its fit, when the project sets no limit."""
UNKNOWN_S = 6 * 3600.0


def expect_fit() -> None:
    """Start the process of the fit that is to come, beside what comes before it."""
    from app.learning.apart.fitting import expect

    expect()


def fit_within(run: RunContext, *rows_and_target: Any, learner: Learner, **asked: Any) -> Fitted:
    """`learners.fit` in a child with the run's limits; what is asked for is passed on.

    Raises what it raises, Refused for a fit that is not done in time or dies, LearnerFailed for one that raises what is
    no refusal, MemoryError for one that takes too much memory.
    """
    from app.learning.apart.fitting import LearnerFailed, fit_apart

    limits = limits_of(run, learner)
    try:
        return fit_apart(
            run.project.file.problem.task,
            *rows_and_target,
            learner=learner,
            limits=limits,
            quantile=run.project.file.problem.quantile,
            on_wait=run.stop_if_asked,
            **asked,
        )
    except LearnerFailed as error:
        run.log(error.trace, level="error")
        raise


def limits_of(run: RunContext, learner: Learner) -> Limits:
    """What a fit of a run may use: from `[learner]`, else from the run's estimate and what memory is free."""
    from app.learning.apart.process import Limits
    from app.learning.openmp import usable_threads

    if learner.minutes is not None:
        seconds, why = 60 * learner.minutes, "learner.minutes"
    else:
        with run.store.read() as session:
            query = select(col(Estimate.seconds_high)).where(col(Estimate.run_id) == run.run_id)
            expected = session.execute(query.limit(1)).scalar()
        seconds = UNKNOWN_S if expected is None else max(LEAST_S, TIMES * expected)
        why = "no estimate" if expected is None else f"expected are at most {expected:.0f} s"
    memory = int(learner.memory_gb * 2**30) if learner.memory_gb else None
    limits = Limits(seconds, memory, run.threads(usable_threads()))
    run.log(f"the fit may take {seconds:,.0f} s ({why}) and {limits.most_bytes / 2**30:.1f} GiB of memory")
    return limits


__all__ = ["expect_fit", "fit_within", "limits_of"]
