"""The year of flights arrives month by month in the watched folder; nothing is lost, and nothing comes twice."""

import time
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from app.domain.workspace import Workspace
from app.services.replay import next_month, sample_folder
from app.services.sample import write_sample_project
from app.store.engine import Store
from app.watcher.arrivals import Arrivals
from flows.arrival import arrival
from flows.ingest import ingest

pytestmark = pytest.mark.faults
NAME = "flight-delay"


@pytest.fixture
def watching(workspace: Workspace, store: Store) -> Iterator[Arrivals]:
    """A watcher of a sample project that has taken in its first months."""
    write_sample_project(workspace)
    ingest(NAME, workspace=str(workspace.root))
    watching = Arrivals(workspace, store)
    watching.start()
    yield watching
    watching.stop()


def test_every_month_asks_for_one_arrival_and_all_rows_are_there(
    watching: Arrivals, workspace: Workspace, store: Store
) -> None:
    there = len(list((workspace.project_folder(NAME) / "incoming" / "flights").glob("*.parquet")))
    causes = []
    for _ in range(there, 12):
        next_month(workspace, NAME)
        (key,) = requested(watching)
        arrival(NAME, run=key, workspace=str(workspace.root))
        causes.append(store.reader.value("SELECT cause_key FROM run WHERE key = :key", {"key": key}))

    rows_in = {
        row["source"]: row["rows_in"]
        for row in store.reader.rows("SELECT source, sum(rows_in) AS rows_in FROM snapshot GROUP BY source")
    }
    files = {source: sorted(sample_folder().glob(f"{source}-2013-*.parquet")) for source in ("flights", "weather")}
    expected = {source: sum(pq.read_metadata(file).num_rows for file in found) for source, found in files.items()}
    assert {source: rows_in[source] for source in expected} == expected
    assert expected["flights"] == 336_776
    assert causes[-1] == "2 files: flights-2013-12.parquet, weather-2013-12.parquet"
    assert store.reader.value("SELECT count(*) FROM run WHERE state = 'failed'") == 0
    assert requested(watching, seconds=3) == []


def requested(watching: Arrivals, seconds: float = 30) -> list[str]:
    """The runs that the watcher asks for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if asked := watching.turn():
            return asked
        time.sleep(0.1)
    return []
