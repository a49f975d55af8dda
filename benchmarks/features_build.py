"""Building features of the sample year: the whole, nothing changed, and one new month beside that month alone.

One month more is December in a workspace that has the rest. A month alone is a workspace that has November, whose files
are then written again with December's rows: the rules were tested before, as in the other, and one part is computed.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.services import data, features
from app.services.features import FeatureSetBuilt
from app.services.running import running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from app.store.engine import Store
from benchmarks import Result, at_most

SAMPLE = Path(__file__).resolve().parents[1] / "sample_data" / "flights"
MONTHS = int(os.environ.get("BENCH_MONTHS", "12"))
TURNS = int(os.environ.get("BENCH_TURNS", "3"))


def run() -> list[Result]:
    """Best of some turns, each in fresh workspaces; ingest is done before the clock starts."""
    whole, unchanged, month, alone, month_cpu, alone_cpu = [], [], [], [], [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            with _workspace(Path(folder) / "year", range(1, MONTHS)) as (store, project):
                whole.append(_build(store, project)[0])
                _deliver(project, [MONTHS])
                _ingest(store, project)
                seconds, cpu_s, built = _build(store, project)
                assert built.is_new
                month.append(seconds)
                month_cpu.append(cpu_s)
                seconds, _, built = _build(store, project)
                assert built.says.startswith("nothing changed")
                unchanged.append(seconds)
            with _workspace(Path(folder) / "alone", [MONTHS - 1]) as (store, project):
                _build(store, project)
                _deliver(project, [MONTHS], instead_of=MONTHS - 1)
                _ingest(store, project)
                seconds, cpu_s, built = _build(store, project)
                assert built.is_new
                alone.append(seconds)
                alone_cpu.append(cpu_s)
    return [
        Result(f"build {MONTHS - 1} months, best of {TURNS}", min(whole), "s"),
        Result("build one month alone", min(alone), "s"),
        Result("build one month more", min(month), "s"),
        at_most("one month more / that month alone", min(month) / min(alone), "x", 1.5),
        at_most("the same by processor time", min(month_cpu) / min(alone_cpu), "x", 1.5),
        at_most("build when nothing changed", min(unchanged), "s", 1),
    ]


@contextmanager
def _workspace(root: Path, months: Sequence[int]) -> Iterator[tuple[Store, OpenProject]]:
    workspace = make_workspace(root)
    target = workspace.project_folder("flight-delay")
    shutil.copytree(SAMPLE / "project", target)
    for source in ("flights", "weather", "planes"):
        (target / "incoming" / source).mkdir(parents=True)
    shutil.copy(SAMPLE / "planes.parquet", target / "incoming" / "planes")
    project = open_project(workspace, "flight-delay")
    _deliver(project, months)
    with open_store(workspace) as store:
        _ingest(store, project)
        yield store, project


def _deliver(project: OpenProject, months: Sequence[int], *, instead_of: int | None = None) -> None:
    """Put the files of some months where they are looked for, under their own names or in another month's place."""
    for source in ("flights", "weather"):
        for month in months:
            place = project.folder / "incoming" / source / f"{source}-2013-{instead_of or month:02}.parquet"
            shutil.copy(SAMPLE / f"{source}-2013-{month:02}.parquet", place)


def _ingest(store: Store, project: OpenProject) -> None:
    with running(store, project, "ingest", stages=1) as run:
        for source in project.file.sources:
            with run.task("ingest") as task:
                data.ingest(task, source)


def _build(store: Store, project: OpenProject) -> tuple[float, float, FeatureSetBuilt]:
    """Seconds by the clock and of the processors, and what was built."""
    begun, worked = time.perf_counter(), time.process_time()
    with running(store, project, "features", stages=1) as run, run.task("build") as task:
        built = features.build(task)
    return time.perf_counter() - begun, time.process_time() - worked, built


if __name__ == "__main__":
    for result in run():
        print(result)
