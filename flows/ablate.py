"""The ablate flow: pull, split, and the learner fitted again without each view; nothing is registered."""

from app.services import experiments
from app.services.experiments import Divided, Pulled
from app.services.experiments.ablating import Ablated
from app.services.experiments.ablating import ablate as leave_out
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("pull")
def pull(task: TaskContext) -> Pulled:
    """The pinned features."""
    return experiments.pull(task)


@stage("split")
def split(task: TaskContext, pulled: Pulled) -> Divided:
    """Train and test rows."""
    return experiments.split(task, pulled)


@stage("ablate")
def without_each(task: TaskContext, divided: Divided) -> Ablated:
    """The whole model, and one without each view."""
    return leave_out(task, divided)


@flow("ablate", stages=3)
def ablate(run: RunContext) -> dict[str, object]:
    """Say what each view earns and costs."""
    pulled = pull(run)
    divided = split(run, pulled)
    done = without_each(run, divided)
    return {
        "metric": done.metric,
        "value": done.value,
        "seconds": done.seconds,
        "views": {one.view: {"earns": one.verdict.gain, "says": one.says} for one in done.views},
        "says": done.says,
    }


if __name__ == "__main__":
    main(ablate)
