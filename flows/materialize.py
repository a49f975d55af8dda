"""The materialize flow: published features -> online rows -> proof that both stores say the same."""

from app.domain.errors import Refused
from app.services import features as feature_service
from app.services.features import Materialized, Skew
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("materialize")
def publish(task: TaskContext) -> Materialized:
    """The newest known row of every entity, online."""
    return feature_service.materialize(task)


@stage("verify-skew")
def verify(task: TaskContext) -> Skew:
    """Some online rows, computed again offline; a difference fails the run, and the report names each."""
    found = feature_service.check_skew(task)
    if found.differences:
        raise Refused(
            f"online and offline do not agree: {found.says}",
            next_step=f"trainmaster features verify-skew --project {task.run.project.name}",
        )
    return found


@flow("materialize", stages=2)
def materialize(run: RunContext) -> dict[str, object]:
    """Bring the newest features (or version `feature_set`) online; gives version, rows and the result of the check."""
    done = publish(run)
    found = verify(run)
    return {
        "version": done.version,
        "rows": done.rows,
        "differences": found.differences,
        "says": f"{done.says}; {found.says}",
    }


if __name__ == "__main__":
    main(materialize)
