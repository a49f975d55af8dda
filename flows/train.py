"""The train flow: pull, split, fit, evaluate, register."""

from __future__ import annotations

from app.services import experiments
from app.services.admission import admit
from app.services.experiments import Divided, Evaluated, Learned, Pulled, Registered
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("pull")
def pull(task: TaskContext) -> Pulled:
    """The pinned features, while the process of the fit starts."""
    experiments.expect_fit()
    return experiments.pull(task)


@stage("split")
def split(task: TaskContext, pulled: Pulled) -> Divided:
    """Train and test rows."""
    return experiments.split(task, pulled)


@stage("fit")
def fit(task: TaskContext, pulled: Pulled, divided: Divided) -> Learned:
    """The trees."""
    return experiments.fit(task, pulled, divided)


@stage("evaluate")
def evaluate(task: TaskContext, pulled: Pulled, divided: Divided, learned: Learned) -> Evaluated:
    """Model, baseline and production on the same rows."""
    return experiments.evaluate(task, pulled, divided, learned)


@stage("register")
def register(task: TaskContext, pulled: Pulled, divided: Divided, learned: Learned, evaluated: Evaluated) -> Registered:
    """The version with everything it came from."""
    return experiments.register(task, pulled, divided, learned, evaluated)


@flow("train", stages=5, on_start=admit)
def train(run: RunContext) -> dict[str, object]:
    """Train on the pinned features and register a version."""
    pulled = pull(run)
    divided = split(run, pulled)
    learned = fit(run, pulled, divided)
    evaluated = evaluate(run, pulled, divided, learned)
    done = register(run, pulled, divided, learned, evaluated)
    return {
        "model": f"{done.model}/{done.version}",
        "digest": done.digest,
        "metrics": done.metrics,
        "baseline": done.baseline,
        "failing_gates": list(done.failing),
        "says": f"{done.model} v{done.version}: "
        + ", ".join(f"{name} {value:.4f}" for name, value in done.metrics.items())
        + (f"; gates that fail: {', '.join(done.failing)}" if done.failing else ""),
    }


if __name__ == "__main__":
    main(train)
