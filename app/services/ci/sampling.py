"""A small, steady sample of a project's data, for stages that run the whole pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.errors import NotFound
from app.domain.project import Source
from app.domain.workspace import Workspace
from app.services import data
from app.services.ci.checkout import Checkout
from app.services.running import RunContext, register_project
from app.services.workspaces import open_project
from app.store.engine import Store

if TYPE_CHECKING:
    import pandas as pd

ROWS = 6_000
WHOLE = 30_000
"""A source with at most so many rows is taken whole: it is likely one that others are joined to."""
FEW = 10_000
"""The same for a sample that goes into the repository."""
FOLDER = "ci-sample"
COMMITTED = "tests/sample"


def write_sample(run: RunContext, checkout: Checkout) -> int:
    """Write each source's sample below the checkout as Parquet; gives the rows written.

    The rows are those that the contract accepted, evenly spaced over all snapshots. A machine without data (a hosted
    CI) takes `projects/NAME/tests/sample/SOURCE.parquet` of the commit. Raises NotFound when there is neither.
    """
    project = run.project.name
    here = checkout.workspace.project_folder(project)
    rows = 0
    for source in run.project.file.sources:
        committed = here / COMMITTED / f"{source}.parquet"
        target = here / FOLDER / f"{source}.parquet"
        target.parent.mkdir(exist_ok=True)
        frame = _accepted(run.store, run.project_id, source)
        if frame is not None:
            frame.to_parquet(target, index=False)
            rows += len(frame)
        elif committed.is_file():
            target.write_bytes(committed.read_bytes())
            rows += _count(target)
        else:
            raise NotFound(
                f"source {source} has no snapshot here, and projects/{project}/{COMMITTED} no {source}.parquet",
                next_step=f"trainmaster data ingest --project {project}, or: trainmaster ci sample (and commit it)",
            )
    return rows


def write_committed_sample(store: Store, workspace: Workspace, name: str) -> list[Path]:
    """Write each source's sample to `projects/NAME/tests/sample/`, to be committed for machines without data.

    Columns whose privacy class is personal or protected are left out. Raises NotFound for a source without a snapshot.
    """
    project = open_project(workspace, name)
    project_id = register_project(store, project)
    folder = project.folder / COMMITTED
    written = []
    for source, declared in project.file.sources.items():
        frame = _accepted(store, project_id, source, most=FEW)
        if frame is None:
            raise NotFound(f"source {source} has no snapshot", next_step=f"trainmaster data ingest --project {name}")
        private = [column for column, rule in declared.columns.items() if rule.privacy in ("personal", "protected")]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{source}.parquet"
        frame.drop(columns=[column for column in private if column in frame.columns]).to_parquet(path, index=False)
        written.append(path)
    return written


def sampled(run_project_sources: dict[str, Source]) -> dict[str, Source]:
    """The same contract over the sample's files; what speaks of whole deliveries (row counts, shares) is left out."""
    return {
        name: Source(
            path=f"{FOLDER}/{name}.parquet",
            columns=source.columns,
            unique_key=source.unique_key,
            time=source.time,
            max_quarantined_share=1.0,
            minimum_rows=0,
        )
        for name, source in run_project_sources.items()
    }


def _accepted(store: Store, project_id: int, source: str, *, most: int = WHOLE) -> "pd.DataFrame | None":
    from app.data.snapshots import unpack

    snapshots = data.newest_snapshots(store, project_id, [source])
    if not snapshots:
        return None
    contents = [data.snapshot_bytes(store, snapshot) for snapshot in snapshots]
    frame = unpack(contents, [snapshot.path for snapshot in snapshots], source=source)
    step = 1 if len(frame) <= most else len(frame) // ROWS
    return frame.iloc[::step]


def _count(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


__all__ = ["FOLDER", "sampled", "write_sample"]
