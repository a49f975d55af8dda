"""Submit to first task, warm: from the request in one process to the first task in a child of the worker."""

import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path

from app.domain.workspace import Workspace
from app.services import infrastructure, runs
from app.services.workspaces import make_workspace, now, open_store
from app.store.engine import Store
from app.store.queries.runs import tasks_of
from benchmarks import Result, at_most

ROUNDS = 7
PROJECT = """
name = "bench"
[charter]
goal = "measure"
kpi = "seconds"
owner = "bench"
[problem]
task = "binary"
target = "late"
[sources.rows]
path = "incoming/rows/*.csv"
watch = false
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
"""


def run() -> list[Result]:
    """The median of some requests of a flow whose first task begins at once; bar: 1 s. Also how long `up` takes."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder) / "workspace")
        project = workspace.project_folder("bench")
        (project / "incoming" / "rows").mkdir(parents=True)
        (project / "incoming" / "rows" / "1.csv").write_text("id,late\n1,0\n2,1\n")
        (project / "project.toml").write_text(PROJECT)
        begun = time.monotonic()
        infrastructure.up(workspace)
        first_up_s = time.monotonic() - begun
        try:
            with open_store(workspace) as store:
                to_first_task_s = [_once(store, workspace) for _ in range(ROUNDS)][2:]
        finally:
            infrastructure.down(workspace)
    return [
        Result("first up, with the orchestrator's migrations", first_up_s, "s"),
        Result("submit to first task, slowest", max(to_first_task_s), "s"),
        at_most("submit to first task, median", statistics.median(to_first_task_s), "s", 1.0),
    ]


def _once(store: Store, workspace: Workspace) -> float:
    asked = now()
    key = runs.request(store, workspace, "bench", "ingest")
    runs.wait_for(store, key, timeout_s=60)
    began = datetime.fromisoformat(tasks_of(store.reader, key)[0].started_at)
    return (began - asked).total_seconds()


if __name__ == "__main__":
    for result in run():
        print(result)
