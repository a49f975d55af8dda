"""The ingest flow: every declared source, one task each: new files -> contract -> snapshot and quarantine."""

from app.services import data
from app.services.data import Ingested
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("ingest")
def take_in(task: TaskContext, source: str) -> Ingested:
    """The new files of one source."""
    return data.ingest(task, source)


@flow("ingest", stages=1)
def ingest(run: RunContext) -> dict[str, object]:
    """Take in what is new of every source; gives the counts by source."""
    results = [take_in(run, source) for source in data.plan_ingest(run)]
    return {
        "rows_in": sum(result.rows_in for result in results),
        "accepted": sum(result.accepted for result in results),
        "quarantined": sum(result.quarantined for result in results),
        "snapshots": [key for result in results for key in result.snapshots],
        "sources": {result.source: result.says for result in results},
        "says": "; ".join(result.says for result in results),
    }


if __name__ == "__main__":
    main(ingest)
