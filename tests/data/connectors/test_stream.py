"""Streams of JSON lines: a file that grows, sockets, standard input; nothing twice and nothing lost."""

import io
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.data.shapes import shape_of, whole_shape
from app.data.snapshots import unpack
from app.domain.errors import Refused, Unavailable
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots, receive, release, repair, snapshot_bytes, try_source
from app.store.engine import Store
from app.store.queries.data import quarantined_rows
from tests.data.connectors.made import orders, shop, source_row, speaker


def lines(first: int, last: int) -> bytes:
    """JSON lines with the ids of a range."""
    return b"".join(b'{"id": %d, "price": 1.5}\n' % n for n in range(first, last + 1))


def test_a_growing_file_gives_its_complete_lines_once(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "tail:orders.jsonl"\n')
    log = project.folder / "orders.jsonl"
    log.write_bytes(lines(1, 5) + b'{"id": 6, ')

    taken = [orders(store, project).accepted, orders(store, project).accepted]
    with log.open("ab") as stream:
        stream.write(b'"price": 2}\n' + lines(7, 9))
    taken.append(orders(store, project).accepted)

    assert taken == [5, 0, 4]
    assert str(source_row(store)["watermark"]).startswith(f"{log.stat().st_size} ")


def test_a_rotated_file_is_read_to_its_end_before_the_new_one(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "tail:orders.jsonl"\n')
    log = project.folder / "orders.jsonl"
    log.write_bytes(lines(1, 5))
    taken = [orders(store, project).accepted]
    with log.open("ab") as stream:
        stream.write(lines(6, 7))
    log.rename(log.with_name("orders.jsonl.1"))
    log.write_bytes(lines(100, 102))

    taken += [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [5, 5, 0]


def test_a_socket_gives_what_it_says_and_says_the_same_twice(workspace: Workspace, store: Store) -> None:
    with speaker(lines(1, 3), lines(1, 3)) as address:
        project = shop(workspace, f'stream = "{address}"\n')
        taken = [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [3, 3]
    assert [snapshot.rows for snapshot in newest_snapshots(store, 1)] == [3, 3]
    assert list((workspace.spool("shop", "orders") / "received").iterdir()) == []


def test_a_unix_socket_that_is_tested_keeps_its_lines_for_the_ingest(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    with speaker(lines(1, 3), b"", unix=str(tmp_path / "s")) as address:
        project = shop(workspace, f'stream = "{address}"\n')
        tested = try_source(project, "orders", rows=2)
        taken = orders(store, project)

    assert (len(tested.rows), taken.accepted) == (2, 3)


def test_nobody_who_listens_is_said(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "tcp://127.0.0.1:1"\nretries = 0\n')

    with pytest.raises(Unavailable, match=r"nobody answers at tcp://127\.0\.0\.1:1"):
        orders(store, project)


def test_standard_input_is_cut_into_batches_that_wait_for_their_ingest(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "stdin:"\nbatch_rows = 4\n')
    read, write = os.pipe()
    os.write(write, lines(1, 10).rstrip(b"\n"))
    os.close(write)

    counts = list(receive(project, "orders", seconds=5, descriptor=read))
    os.close(read)
    taken = orders(store, project)

    assert sum(counts) == 10
    assert taken.accepted == 10


def test_what_a_killed_receiver_left_is_taken_in_without_its_torn_line(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "stdin:"\n')
    received = workspace.spool("shop", "orders") / "received"
    received.mkdir(parents=True)
    (received / "00000000000000000001-aaaaaa.jsonl.part").write_bytes(lines(1, 2) + b'{"id": 3, ')

    taken = orders(store, project)

    assert taken.accepted == 2


def test_a_line_that_is_no_row_goes_to_quarantine_with_its_reason_and_the_stream_goes_on(
    workspace: Workspace, store: Store
) -> None:
    project = shop(workspace, 'stream = "tail:orders.jsonl"\n')
    log = project.folder / "orders.jsonl"
    bad = b'{"id": 3, "price":\n[4]\n\n{"id": 5, "price": "cheap"}\n{"id": 6, "price": {"eur": 1}}\n\xff\xfe\n'
    log.write_bytes(lines(1, 2) + bad + lines(7, 9))

    first = orders(store, project)
    with log.open("ab") as stream:
        stream.write(lines(10, 11))
    second = orders(store, project)

    assert (first.rows_in, first.accepted, first.quarantined, second.accepted) == (10, 5, 5, 2)
    found = quarantined_rows(store.reader)
    assert [(row.row_number, row.rule) for row in found] == [
        (3, "line.unreadable"),
        (4, "line.unreadable"),
        (5, "price.type"),
        (6, "price.type"),
        (7, "line.unreadable"),
    ]
    assert "from byte 0 line 3: not valid JSON" in found[0].reason
    assert json.loads(found[2].content) == {"id": 5, "price": "cheap"}


def test_a_micro_batch_of_nothing_but_bad_lines_stops_nothing(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "tail:orders.jsonl"\nunique_key = ["id"]\n')
    log = project.folder / "orders.jsonl"
    log.write_bytes(b"hello\n")
    taken = [orders(store, project)]
    with log.open("ab") as stream:
        stream.write(lines(1, 3))

    taken.append(orders(store, project))

    assert [(one.rows_in, one.accepted, one.quarantined) for one in taken] == [(1, 0, 1), (3, 3, 0)]
    contents = [snapshot_bytes(store, info) for info in newest_snapshots(store, 1)]
    assert whole_shape([shape_of(content) for content in contents]).as_text() == "id:int64 price:double"
    assert unpack(contents, ["a", "b"], source="orders")["id"].tolist() == [1, 2, 3]


def test_a_bad_line_is_repaired_as_a_line_and_released_in_its_place(workspace: Workspace, store: Store) -> None:
    project = shop(workspace, 'stream = "tail:orders.jsonl"\n')
    (project.folder / "orders.jsonl").write_bytes(lines(1, 2) + b'{"id": 3, "price": 1.5\n' + lines(4, 5))
    orders(store, project)
    with pytest.raises(Refused, match="row 3 cannot be released: not valid JSON"):
        release(store, project, [1], by="ana")

    still = repair(store, project, 1, {"line": "3"}, by="ana")
    good = repair(store, project, 1, {"line": '{"id": 3, "price": 2.5}'}, by="ana")
    release(store, project, [1], by="ana")

    assert (still.still_broken, good.still_broken) == ("not a JSON object", "")
    (info,) = newest_snapshots(store, 1)
    rows = pq.read_table(io.BytesIO(snapshot_bytes(store, info))).to_pylist()
    assert [(row["id"], row["price"]) for row in rows] == [(1, 1.5), (2, 1.5), (3, 2.5), (4, 1.5), (5, 1.5)]
