"""The experiment flow: pull, split, fold, search; nothing is registered, the best trial is what `train` begins from."""

from app.services import experiments
from app.services.admission import admit_search
from app.services.experiments import Divided, Opened, Pulled, Searched
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("pull")
def pull(task: TaskContext) -> Pulled:
    """The pinned features."""
    return experiments.pull(task)


@stage("split")
def split(task: TaskContext, pulled: Pulled) -> Divided:
    """Training rows, and test rows that the search does not see."""
    return experiments.split(task, pulled)


@stage("fold")
def fold(task: TaskContext, pulled: Pulled, divided: Divided) -> Opened:
    """Folds of the training rows; the search, new or taken up."""
    return experiments.open_search(task, pulled, divided)


@stage("search")
def search(task: TaskContext, opened: Opened, divided: Divided) -> Searched:
    """Trials until a reason to stop."""
    return experiments.search(task, opened, divided)


@flow("experiment", stages=4, on_start=admit_search)
def experiment(run: RunContext) -> dict[str, object]:
    """Search for the best learner and its hyperparameters on the training rows."""
    pulled = pull(run)
    divided = split(run, pulled)
    opened = fold(run, pulled, divided)
    found = search(run, opened, divided)
    return {
        "experiment": found.key,
        "best": found.best,
        "learner": found.learner,
        "parameters": found.parameters,
        "rounds": found.rounds,
        "metric": found.metric,
        "value": found.value,
        "standard_error": found.standard_error,
        "untuned": found.first_value,
        "trials": found.trials,
        "stopped": found.stopped,
        "edges": list(found.edges),
        "says": f"{found.says}; {found.stopped}",
    }


if __name__ == "__main__":
    main(experiment)
