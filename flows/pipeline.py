"""The pipeline flow: raw files to a registered version, and to production when asked; each step a run of its own."""

from app.services.running import RunContext, TaskContext
from flows.arrival import bring_online, build, take_in
from flows.deploy import deploy
from flows.harness import child_step, flow, main, stage
from flows.predict import predict
from flows.train import train


@stage("train")
def fit(task: TaskContext) -> dict[str, object]:
    """Features become a registered version."""
    return child_step(task, train)


@stage("promote")
def promote(task: TaskContext, version: int) -> dict[str, object]:
    """The version goes into production, when its gates pass."""
    reason = str(task.run.parameters.get("reason") or "first version of the project")
    wish: dict[str, object] = {"version": version, "by": task.run.actor, "reason": reason}
    return child_step(task, deploy, wish)


@stage("predict")
def answer(task: TaskContext) -> dict[str, object]:
    """The production version predicts what is in the feature store."""
    return child_step(task, predict)


@flow("pipeline", stages=6)
def pipeline(run: RunContext) -> dict[str, object]:
    """Ingest, build, train; with the parameter `promote` also deploy and predict; then the features go online."""
    take_in(run)
    build(run)
    trained = fit(run)
    model, _, version = str(trained["model"]).partition("/")
    if not run.parameters.get("promote"):
        run.plan(4)
        bring_online(run)
        return trained
    promote(run, int(version))
    summary = {**trained, "production": f"{model}/{version}", **answer(run)}
    bring_online(run)
    return summary


if __name__ == "__main__":
    main(pipeline)
