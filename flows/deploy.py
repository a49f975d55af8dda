"""The deploy flow: package checked, proven in a child, served for real, tried, switched in one transaction."""

from app.learning.canary import ChildVerdict
from app.services import registry
from app.services.registry import Candidate, Switched
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("check")
def check(task: TaskContext) -> Candidate:
    """Rules and digests."""
    return registry.check(task)


@stage("canary")
def canary(task: TaskContext, candidate: Candidate) -> ChildVerdict:
    """The stored answers, from a child process."""
    return registry.prove(task, candidate)


@stage("smoke")
def smoke(task: TaskContext, candidate: Candidate) -> None:
    """The stored answers, from the real server."""
    registry.serve(task, candidate)


@stage("rollout")
def rollout(task: TaskContext, candidate: Candidate) -> None:
    """Shadow and canary, for the time that the charter asks."""
    registry.roll_out(task, candidate)


@stage("switch")
def switch(task: TaskContext, candidate: Candidate, verdict: ChildVerdict) -> Switched:
    """Production moves, or stays."""
    return registry.switch(task, candidate, verdict)


@flow("deploy", stages=5)
def deploy(run: RunContext) -> dict[str, object]:
    """Put a version into production (parameters: version, reason), or leave everything as it was."""
    candidate = check(run)
    proof = canary(run, candidate)
    smoke(run, candidate)
    rollout(run, candidate)
    done = switch(run, candidate, proof)
    return {
        "model": f"{done.model}/{done.version}",
        "replaced": done.replaced,
        "deployment": done.deployment,
        "by": done.by,
        "says": f"{done.model} v{done.version} is in production"
        + (f" in the place of v{done.replaced}" if done.replaced else ""),
    }


if __name__ == "__main__":
    main(deploy)
