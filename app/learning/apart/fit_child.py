"""What runs in the child of a fit: a fit on the rows that come with its message, then it waits for the next one."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.learning.apart.line import Line
    from app.learning.learners import Fitted


def main(descriptor: int) -> None:
    """Hear a fit a message; say its points, and the model at its end."""
    from app.learning.apart.inside import bound_memory, line_of

    line = line_of(descriptor)
    from app.domain.errors import TrainmasterError
    from app.learning.openmp import wait_passively

    wait_passively()
    import pyarrow as pa  # both take a while to load, and every fit needs them

    from app.learning import learners

    assert pa
    assert learners
    while True:
        line.say({"kind": "ready"})
        job = line.hear()
        if job is None:
            return
        try:
            bound_memory(job["memory_bytes"])
            fitted = _fit(job, line)
        except MemoryError:
            line.say({"kind": "memory"})
            return  # what it holds is given back by the end of the process
        except TrainmasterError as error:
            words = {"message": error.message, "where": error.where, "next_step": error.next_step}
            line.say({"kind": "refused", "error": type(error).__name__, **words})
        except Exception as error:
            says = f"{type(error).__name__}: {error}"[:500]
            line.say({"kind": "failed", "says": says, "trace": traceback.format_exc()[-20_000:]})
        else:
            line.say({"kind": "done", **_words(fitted)}, content=fitted.content)
            del fitted


def _words(fitted: Fitted) -> dict[str, object]:
    return {
        "format": fitted.format,
        "parameters": fitted.parameters,
        "rounds": fitted.rounds,
        "points": fitted.points,
        "size": len(fitted.content),
    }


def _fit(job: dict[str, Any], line: Line) -> Fitted:
    from app.domain.problem import Task
    from app.domain.project import Learner
    from app.learning import learners
    from app.learning.apart.rows import mapped

    sides, line.files = line.files, []
    (rows, target), *watch = [mapped(side) for side in sides]

    def progress(step: int, total: int, metrics: Mapping[str, float]) -> None:
        line.say({"kind": "point", "step": step, "total": total, "metrics": metrics})

    return learners.fit(
        Task(job["task"]),
        rows,
        target,
        learner=Learner.model_validate(job["learner"]),
        categories=job["categories"],
        names=job["names"],
        classes=job["classes"],
        quantile=job["quantile"],
        rounds=job["rounds"],
        threads=job["threads"],
        watch=watch[0] if watch else None,
        progress=progress,
    )
