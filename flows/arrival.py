"""The arrival flow: new data are taken in, turned into features, predicted and watched, each as a run of its own."""

from app.domain.errors import NotFound
from app.services.predictions import production_of
from app.services.running import RunContext, TaskContext
from flows.features import features
from flows.harness import child_step, flow, main, stage
from flows.ingest import ingest
from flows.materialize import materialize
from flows.monitor import monitor
from flows.predict import predict


@stage("ingest")
def take_in(task: TaskContext) -> dict[str, object]:
    """Every source."""
    return child_step(task, ingest)


@stage("features")
def build(task: TaskContext) -> dict[str, object]:
    """The views that changed."""
    return child_step(task, features, {"online": False})


@stage("predict")
def answer(task: TaskContext) -> dict[str, object]:
    """What is newer than the last batch."""
    return child_step(task, predict) if _has_production(task) else _skip(task)


@stage("monitor")
def watch(task: TaskContext) -> dict[str, object]:
    """The newest complete window."""
    return child_step(task, monitor) if _has_production(task) else _skip(task)


@stage("online")
def bring_online(task: TaskContext) -> dict[str, object]:
    """The newest rows of the views, for questions by entity; nothing before this stage waits for them."""
    return child_step(task, materialize)


@flow("arrival", stages=5)
def arrival(run: RunContext) -> dict[str, object]:
    """Follow new data from the files to the alerts; what has nothing to do says so."""
    taken = take_in(run)
    if run.parameters.get("polled") and not taken["snapshots"]:
        run.plan(1)
        return {"ingest": taken, "says": "nothing new"}
    summary: dict[str, object] = {"ingest": taken, "features": build(run)}
    summary["predict"] = answer(run)
    summary["monitor"] = watch(run)
    summary["online"] = bring_online(run)
    return summary


def _has_production(task: TaskContext) -> bool:
    run = task.run
    with run.store.read() as session:
        try:
            production_of(session, run.project_id, run.project.name)
        except NotFound:
            return False
    return True


def _skip(task: TaskContext) -> dict[str, object]:
    says = "skipped: no version is in production yet"
    with task.run.store.write() as session:
        task.complete(session, says=says)
    return {"skipped": True, "says": says}


if __name__ == "__main__":
    main(arrival)
