"""A flow that needs no data: what the tests of orchestration run."""

import os
import time

from app.domain.errors import Refused
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("count")
def count(task: TaskContext, seconds: float) -> int:
    """Wait in steps of 50 ms and show progress."""
    steps = max(int(seconds / 0.05), 1)
    for step in range(steps):
        time.sleep(seconds / steps)
        task.progress(step, steps, f"step {step}")
    return steps


@stage("judge", retries=1)
def judge(task: TaskContext, steps: int) -> int:
    """Refuse, fail or agree, as the run's parameters say."""
    if task.run.parameters.get("refuse"):
        raise Refused("the test said no", next_step="trainmaster runs ls")
    if task.run.parameters.get("fail_once") and not os.environ.get("TINY_FAILED"):
        os.environ["TINY_FAILED"] = "1"
        raise OSError("the first try fails")
    with task.run.store.write() as session:
        task.complete(session, says=f"{steps} steps")
    return steps


@flow("tiny", stages=2)
def tiny(run: RunContext) -> dict[str, object]:
    """Count, then judge."""
    seconds = run.parameters.get("seconds", 0.1)
    assert isinstance(seconds, int | float)
    return {"steps": judge(run, count(run, float(seconds)))}


def __getattr__(name: str) -> object:
    """The Prefect flow, made when a worker's child asks for it."""
    if name == "prefect_tiny":
        return tiny.prefect
    raise AttributeError(name)


if __name__ == "__main__":
    main(tiny)
