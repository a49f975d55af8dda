"""The features flow: snapshots -> rules -> views -> one published version of the offline store."""

from app.services import features as feature_service
from app.services.features import FeatureSetBuilt
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage
from flows.materialize import publish, verify


@stage("build")
def build(task: TaskContext) -> FeatureSetBuilt:
    """Compute what changed and publish it."""
    return feature_service.build(task)


@stage("describe")
def describe(task: TaskContext, version: int) -> int:
    """Statistics of what was published."""
    return feature_service.describe(task, version)


@flow("features", stages=4)
def features(run: RunContext) -> dict[str, object]:
    """Build the views of a project and bring them online; gives the version, whether it is new, and its digest.

    With the parameter `online` false a flow that contains this one brings them online later (`materialize`).
    """
    online = run.parameters.get("online", True)
    if not online:
        run.plan(2)
    built = build(run)
    describe(run, built.version)
    if online:
        publish(run)
        verify(run)
    return {
        "feature_set": built.id,
        "version": built.version,
        "digest": built.digest,
        "rows": built.rows,
        "is_new": built.is_new,
        "rebuilt": list(built.rebuilt),
        "says": f"v{built.version}: {built.rows:,} rows" + ("" if built.is_new else ", nothing changed"),
    }


if __name__ == "__main__":
    main(features)
