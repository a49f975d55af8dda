"""Ingest of the year of flights, from Parquet and from CSV, against a bare read and write by pyarrow of the same files.

Ours reads, checks every row against the contract, keeps the rejected ones with line and reason, profiles, and writes
immutable snapshots and their lineage in one transaction; the bare loop reads each file and writes it as Parquet (zstd).
CPU seconds stand beside the wall clock, and the memory that a CSV of the whole year costs over its own size.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.services import data
from app.services.running import running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from app.store.engine import Store
from benchmarks import Result, at_most

TURNS = 2
MEMORY_BAR_MIB = 1024
SAMPLE = Path(__file__).resolve().parents[1] / "sample_data" / "flights"

READS = """
import resource, sys
from collections.abc import Callable
from pathlib import Path
from app.data import contract, readers, snapshots
from app.domain.project import parse_project
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = parse_project(Path(sys.argv[2]).read_text(), "project.toml").sources["flights"]
raw = readers.read(Path(sys.argv[1]))
snapshots.pack(contract.check(raw.frame, source, name="flights", where="flights").accepted, time=source.time)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) >> 10)
"""


def run() -> list[Result]:
    """Best of two of each, in turn."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("parquet", "csv"):
            files = _files(Path(folder), kind)
            ours, bare = [], []
            for turn in range(TURNS):
                bare.append(_timed(lambda files=files: _bare(files)))
                with open_store((project := _project(Path(folder) / f"{kind}{turn}", kind, files)).workspace) as store:
                    ours.append(_timed(lambda store=store, project=project: _ingest(store, project)))
            rows = 336_776
            results += [
                Result(f"ingest of {rows:,} flights from {kind} (12 files)", min(ours)[0], "s"),
                Result(f"bare pyarrow read and write of the same {kind}", min(bare)[0], "s"),
                Result(f"ingest from {kind}, rows a second", rows / min(ours)[0], "rows/s"),
                Result(f"ingest from {kind} against bare pyarrow (wall)", min(ours)[0] / min(bare)[0], "x"),
                Result(
                    f"ingest from {kind} against bare pyarrow (CPU)",
                    min(c for _, c in ours) / min(c for _, c in bare),
                    "x",
                ),
            ]
        results.append(_memory(Path(folder)))
    return results


def _memory(folder: Path) -> Result:
    import pandas as pd

    whole = folder / "year.csv"
    pd.concat([pd.read_csv(file) for file in _files(folder, "csv")] * 2).to_csv(whole, index=False)
    told = subprocess.run(
        [sys.executable, "-c", READS, str(whole), str(SAMPLE / "project" / "project.toml")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    over = int(told.stdout) - (whole.stat().st_size >> 20)
    return at_most(f"memory over the size of a CSV of {whole.stat().st_size >> 20} MiB", over, "MiB", MEMORY_BAR_MIB)


def _files(folder: Path, kind: str) -> list[Path]:
    if kind == "parquet":
        return sorted(SAMPLE.glob("flights-*.parquet"))
    import pandas as pd

    (folder / "csv").mkdir(exist_ok=True)
    files = []
    for file in _files(folder, "parquet"):
        made = folder / "csv" / f"{file.stem}.csv"
        if not made.exists():
            pd.read_parquet(file).to_csv(made, index=False)
        files.append(made)
    return files


def _project(root: Path, kind: str, files: list[Path]) -> OpenProject:
    workspace = make_workspace(root)
    target = workspace.project_folder("flight-delay")
    shutil.copytree(SAMPLE / "project", target)
    toml = target / "project.toml"
    toml.write_text(toml.read_text().replace("flights/*.parquet", f"flights/*.{kind}"))
    (target / "incoming" / "flights").mkdir(parents=True)
    for file in files:
        shutil.copy(file, target / "incoming" / "flights")
    return open_project(workspace, "flight-delay")


def _ingest(store: Store, project: OpenProject) -> None:
    with running(store, project, "ingest", stages=1) as run, run.task("ingest") as task:
        data.ingest(task, "flights")


def _bare(files: list[Path]) -> None:
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            table = pq.read_table(file) if file.suffix == ".parquet" else pc.read_csv(file)
            pq.write_table(table, Path(folder) / f"{file.stem}.parquet", compression="zstd")


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    for result in run():
        print(result)
