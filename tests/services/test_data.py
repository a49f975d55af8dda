"""Ingest: snapshots, quarantine, and nothing that is half written."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.domain.errors import BadInput, NotFound, Refused, Usage
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots, quarantined_count, snapshot_bytes
from app.store.engine import Store
from app.store.queries import data as queries
from app.store.tables import Artifact, LineageEdge, QuarantinedRow, Snapshot, SourceFile, Task
from tests.services.made import HOMES, PROJECT, deliver, homes, take_in

HOSTILE = "\x1b]52;c;x\x07[/x]"


def counts(store: Store) -> tuple[int, int, int, int]:
    with store.read() as session:
        return tuple(  # type: ignore[return-value]
            int(session.execute(select(func.count()).select_from(table)).scalar_one())
            for table in (Snapshot, SourceFile, QuarantinedRow, Artifact)
        )


def test_a_new_file_becomes_one_snapshot_with_lineage_and_profile(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)

    taken, _ = take_in(store, project)

    assert (taken.rows_in, taken.accepted, taken.quarantined) == (3, 3, 0)
    with store.read() as session:
        row = session.execute(select(Snapshot).where(col(Snapshot.source) == "homes")).scalars().one()
        edge = session.execute(select(LineageEdge).where(col(LineageEdge.to_key) == row.key)).scalars().one()
        task = session.execute(select(Task).order_by(col(Task.id))).scalars().first()
    assert (row.rows_in, row.rows, row.quarantined) == (3, 3, 0)
    assert row.watermark == "2013-01-03T12:00:00+00:00"
    assert row.profile is not None
    assert (edge.from_kind, edge.from_key, edge.kind) == ("source", "homes/homes", "extracted")
    assert task is not None
    assert json.loads(task.outputs) == [f"snapshot:{row.key}"]


def test_the_same_bytes_are_never_taken_twice(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    before = counts(store)
    deliver(workspace, "homes/the same again.csv", HOMES)

    again = take_in(store, project)

    assert [result.files for result in again] == [(), ()]
    assert counts(store) == before


def test_the_same_file_gives_the_same_digest_in_another_store(
    workspace: Workspace, store: Store, second_store: Store
) -> None:
    project = homes(workspace)
    take_in(store, project)

    take_in(second_store, project)

    def digests(one: Store) -> list[str]:
        with one.read() as session:
            return list(session.execute(select(col(Snapshot.digest)).order_by(col(Snapshot.source))).scalars())

    assert digests(store) == digests(second_store)


def test_bad_rows_are_quarantined_with_line_reason_and_content(workspace: Workspace, store: Store) -> None:
    bad = f'x1,ulm,2013-01-05T00:00:00Z,0,1\nx2,"{HOSTILE}",never,5,1\n,ulm,2013-01-05T00:00:00Z,5,1\n'
    good = "".join(f"g{n},ulm,2013-01-05T00:00:00Z,5,1\n" for n in range(7))
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", HOMES.split("\n", 1)[0] + "\n" + good + bad)

    (taken,) = take_in(store, project, "homes")

    assert (taken.rows_in, taken.accepted, taken.quarantined) == (10, 7, 3)
    assert taken.reasons == {"asked_at.type": 1, "home.required": 1, "size.minimum": 1}
    with store.read() as session:
        rows = list(session.execute(select(QuarantinedRow).order_by(col(QuarantinedRow.id))).scalars())
    assert rows[0].reason == "incoming/homes/one.csv line 9: size: '0' is below 1"
    assert json.loads(rows[1].content)["town"] == HOSTILE
    assert [row.row_number for row in rows] == [8, 9, 10]
    assert quarantined_count(store, 1) == 3


def test_past_the_share_the_batch_is_refused_whole(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    before = counts(store)
    deliver(workspace, "homes/good.csv", HOMES.replace("h", "k").replace("kome", "home"))
    deliver(workspace, "homes/bad.csv", "home,town,asked_at,size,price\na,ulm,never,1,1\nb,ulm,never,1,1\n")

    with pytest.raises(Refused, match=r"2 of 2 rows break the contract .* nothing was taken in") as found:
        take_in(store, project, "homes")

    assert found.value.where == "incoming/homes/bad.csv"
    assert "line 2: asked_at: 'never' is not a time" in found.value.message
    assert counts(store) == before


def test_a_required_column_that_is_dropped_refuses_and_names_the_requirement(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", "town,asked_at,size,price\nulm,2013-01-01,1,1\n")

    with pytest.raises(BadInput, match=r"'home' is not there.*\[sources.homes.columns.home\]"):
        take_in(store, project, "homes")

    assert counts(store)[:3] == (0, 0, 0)  # the run keeps its environment, nothing of the data


def test_a_file_that_cannot_be_read_leaves_nothing_and_later_files_come_in(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    broken = deliver(workspace, "homes/two.csv", b"home,town,asked_at,size,price\nh9,\xff,2013-01-01,1,1\n")

    with pytest.raises(BadInput) as found:
        take_in(store, project, "homes")
    broken.unlink()
    (taken,) = take_in(store, project, "homes")

    assert found.value.where == "incoming/homes/two.csv line 2 column town"
    assert taken.accepted == 3


def test_no_file_an_unknown_source_and_a_path_outside_are_refused(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    (project.folder / "incoming/homes/one.csv").unlink()

    with pytest.raises(NotFound, match="no file matches"):
        take_in(store, project, "homes")
    with pytest.raises(Usage, match="no source 'nothing'"):
        take_in(store, project, "nothing")
    outside = homes(workspace, project=PROJECT.replace("incoming/homes/*.csv", "../../*.csv"))
    with pytest.raises(Refused, match="leaves the project's folder"):
        take_in(store, outside, "homes")


def test_a_file_that_is_written_again_replaces_its_snapshot(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    deliver(workspace, "homes/one.csv", HOMES + "h4,ulm,2013-01-09T00:00:00Z,60,80\n")

    (taken,) = take_in(store, project, "homes")

    (newest,) = newest_snapshots(store, 1, ["homes"])
    assert taken.accepted == 4
    assert newest.rows == 4
    assert newest.key == taken.snapshots[0]
    assert snapshot_bytes(store, newest)[:4] == b"PAR1"
    assert [(one.rows, one.stands) for one in queries.snapshots(store.reader, source="homes")] == [
        (4, True),
        (3, False),
    ]
    assert [one.rows for one in queries.sources(store.reader) if one.source == "homes"] == [4]


def test_a_hostile_file_name_is_taken_in_and_shown_harmlessly(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    (project.folder / "incoming/homes/one.csv").unlink()
    name = os.fsdecode(b"a\x1b[31m\xff[x].csv")
    deliver(workspace, f"homes/{name}", HOMES)

    (taken,) = take_in(store, project, "homes")

    assert taken.accepted == 3
    assert taken.files[0].startswith("incoming/homes/a\\e[31m")
    assert taken.files[0].isprintable()
    assert len(newest_snapshots(store, 1, ["homes"])) == 1


INGESTER = """
import sys
from pathlib import Path
from app.domain.workspace import Workspace
from app.services.workspaces import open_project, open_store
from tests.services.made import take_in
workspace = Workspace(Path(sys.argv[1]))
with open_store(workspace) as store:
    print("ready", flush=True)
    take_in(store, open_project(workspace, "homes"), "homes")
"""


def killed_while_ingesting(workspace: Workspace, store: Store, rounds: int) -> None:
    project = homes(workspace)
    header = HOMES.split("\n", 1)[0]
    for attempt in range(rounds):
        for part in range(3):
            rows = "".join(f"r{attempt}-{part}-{n},ulm,2013-01-05T00:00:00Z,{n % 10},1\n" for n in range(3000))
            deliver(workspace, f"homes/{attempt}-{part}.csv", f"{header}\n{rows}")
        with subprocess.Popen(
            [sys.executable, "-c", INGESTER, str(workspace.root)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.05 + 0.11 * (attempt % 12))
            os.kill(child.pid, signal.SIGKILL)

        snapshots, files, quarantined, _ = counts(store)
        assert snapshots == files
        assert (snapshots - 1) % 3 == 0 or snapshots == 0
        assert quarantined == 300 * max(snapshots - 1, 0)
        take_in(store, project, "homes")
        assert counts(store)[:3] == (3 * attempt + 4, 3 * attempt + 4, 900 * (attempt + 1))


def test_an_ingest_that_is_killed_leaves_all_or_nothing(workspace: Workspace, store: Store) -> None:
    killed_while_ingesting(workspace, store, rounds=3)


@pytest.mark.faults
def test_an_ingest_that_is_killed_at_many_points_leaves_all_or_nothing(workspace: Workspace, store: Store) -> None:
    killed_while_ingesting(workspace, store, rounds=40)
