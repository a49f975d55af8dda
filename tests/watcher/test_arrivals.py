"""New files ask for an arrival run, once."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.services.running import running
from app.services.workspaces import now, open_project
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Snapshot, SourceFile
from app.watcher.arrivals import Arrivals, has_begun
from flows.arrival import arrival
from flows.ingest import ingest
from tests.orchestration.projects import add_project, rows_csv


@pytest.fixture
def incoming(workspace: Workspace, store: Store) -> Path:
    """The watched folder of a project that has taken in one file already."""
    add_project(workspace)
    folder = workspace.project_folder("demo") / "incoming" / "rows"
    first = folder / "1.csv"
    first.write_text(rows_csv())
    take_in(workspace, store, first)
    return folder


@pytest.fixture
def arrivals(workspace: Workspace, store: Store, incoming: Path) -> Iterator[Arrivals]:
    """A watcher of files that has begun."""
    watching = Arrivals(workspace, store)
    watching.start()
    yield watching
    watching.stop()


def test_a_new_file_asks_for_one_run_that_names_it(arrivals: Arrivals, incoming: Path, store: Store) -> None:
    (incoming / "2.csv").write_text(rows_csv(40))

    asked = turns(arrivals, 20, until=1) + turns(arrivals, 0.5)

    found = store.reader.rows("SELECT key, flow, cause, cause_key FROM run WHERE flow = 'arrival'")
    assert [row["key"] for row in found] == asked
    assert (found[0]["cause"], found[0]["cause_key"]) == ("new_data", "2.csv")


def test_known_bytes_and_unfinished_names_ask_for_nothing(arrivals: Arrivals, incoming: Path) -> None:
    (incoming / "copy-of-1.csv").write_text(rows_csv())
    (incoming / "2.csv.part").write_text(rows_csv(40))
    (incoming / "notes.txt").write_text("not a source")

    assert turns(arrivals, 2.0) == []


def test_what_comes_while_a_run_takes_files_waits_for_the_next_one(
    arrivals: Arrivals, incoming: Path, store: Store
) -> None:
    (incoming / "2.csv").write_text(rows_csv(40))
    first = turns(arrivals, 20, until=1)
    (incoming / "3.csv").write_text(rows_csv(80))

    meanwhile = turns(arrivals, 2.0)
    with store.write() as session:
        session.connection().exec_driver_sql(f"UPDATE run SET state = '{RunState.COMPLETED}' WHERE flow = 'arrival'")
    after = turns(arrivals, 20, until=1)

    assert (len(first), meanwhile, len(after)) == (1, [], 1)


def test_files_that_came_while_nobody_watched_are_found_at_the_start(
    workspace: Workspace, store: Store, incoming: Path
) -> None:
    (incoming / "2.csv").write_text(rows_csv(40, 41))
    watching = Arrivals(workspace, store)

    watching.start()
    asked = turns(watching, 20, until=1)
    watching.stop()

    assert len(asked) == 1


def test_before_the_first_ingest_nothing_is_asked_for(workspace: Workspace, store: Store) -> None:
    add_project(workspace, "fresh")
    file = workspace.project_folder("fresh") / "incoming" / "rows" / "1.csv"
    file.write_text(rows_csv())
    watching = Arrivals(workspace, store)

    watching.start()
    asked = turns(watching, 0.5)
    watching.stop()

    assert asked == []
    assert not has_begun(store, "fresh")


def test_a_broken_project_file_is_told_with_its_place(arrivals: Arrivals, workspace: Workspace, incoming: Path) -> None:
    workspace.features_file("demo").write_text("def labelled(rows:\n")
    turns(arrivals, 2.0)
    broken = dict(arrivals.complaints)
    workspace.features_file("demo").write_text("def labelled(rows):\n    return rows\n")
    turns(arrivals, 2.0)

    assert "projects/demo/features.py line 1" in broken["demo"]
    assert arrivals.complaints == {}


def turns(watching: Arrivals, seconds: float, *, until: int | None = None) -> list[str]:
    """Let a watcher work for a while, or until it has asked for so many runs."""
    asked: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (until is None or len(asked) < until):
        asked += watching.turn()
        time.sleep(0.1)
    return asked


def take_in(workspace: Workspace, store: Store, file: Path) -> None:
    """Record that a file is in a snapshot."""
    project = open_project(workspace, "demo")
    content = file.read_bytes()
    with running(store, project, "ingest", stages=1) as run, store.write() as session:
        digest = artifacts.put(session, content, kind="snapshot", media_type="text/csv", now=now())
        row = Snapshot(
            key="0123456789ab",
            project_id=run.project_id,
            run_id=run.run_id,
            source="rows",
            digest=digest,
            artifact=digest,
            rows_in=40,
            rows=40,
            quarantined=0,
            created_at=now(),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        session.add(
            SourceFile(
                project_id=run.project_id,
                snapshot_id=row.id,
                source="rows",
                path=file.name,
                digest=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
                rows=40,
            )
        )


def test_a_source_without_file_events_is_asked_in_its_time_and_a_run_without_news_ends_there(
    workspace: Workspace, store: Store, incoming: Path
) -> None:
    project = workspace.project_file("demo")
    source = '\n[sources.feed]\nstream = "tail:feed.jsonl"\nevery_minutes = 0.02\n'
    project.write_text(project.read_text() + source)
    (workspace.project_folder("demo") / "feed.jsonl").write_text('{"id": 1}\n')
    watching = Arrivals(workspace, store)

    watching.start()
    asked = turns(watching, 20, until=1)
    ingest("demo", workspace=str(workspace.root))
    said = arrival("demo", parameters={"polled": True}, workspace=str(workspace.root))["says"]
    with store.write() as session:
        session.connection().exec_driver_sql(f"UPDATE run SET state = '{RunState.COMPLETED}' WHERE key = '{asked[0]}'")
    asked += turns(watching, 20, until=1)
    watching.stop()

    found = store.reader.rows("SELECT cause, cause_key FROM run WHERE flow = 'arrival' AND cause = 'schedule'")
    assert len(asked) == 2
    assert found == [{"cause": "schedule", "cause_key": "feed"}] * 2
    assert said == "nothing new"
