"""The offline store: versions, odd names, and a publisher that dies at any moment."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from app.domain.errors import BadInput, Damaged, Unavailable
from app.features.offline import find, newest_version, parts_now, publish, publish_parts, read, storable
from app.features.retention import compact, removable, remove

PUBLISHER = """
import sys
from pathlib import Path
import pandas as pd
from app.features.offline import publish
folder = Path(sys.argv[1])
frame = pd.DataFrame({"id": range(200_000), "round": 0})
for turn in range(int(sys.argv[2]), 1_000_000):
    publish(folder, frame.assign(round=turn), digest=f"d{turn}")
    print(turn, flush=True)
"""

KEEPER = """
import sys
from pathlib import Path
import pandas as pd
from app.features.offline import publish_parts, storable
from app.features.retention import compact, removable, remove
folder = Path(sys.argv[1])
for turn in range(int(sys.argv[2]), 1_000_000):
    rows = {f"{turn}{half}": storable(pd.DataFrame({"id": range(20_000), "turn": turn})) for half in "ab"}
    before = [f"{turn - 1}{half}" for half in "ab"] if turn else []
    version = publish_parts(folder, rows, [*before, *rows], digest=f"d{turn}")
    print(turn, flush=True)
    if turn % 2:
        compact(folder)
    remove(removable(folder, [version]).files)
"""


def test_a_version_stays_as_it_was_when_a_newer_one_is_published(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    old = publish(folder, pd.DataFrame({"id": [1], "a": ["x"]}), digest="one")
    new = publish(folder, pd.DataFrame({"id": [1, 2], "b": [1.5, None]}), digest="two")

    assert read(folder, old).to_pydict() == {"id": [1], "a": ["x"]}
    assert read(folder, new, ["b"]).to_pydict() == {"b": [1.5, None]}
    assert (find(folder, "one"), find(folder, "two"), find(folder, "three")) == (old, new, None)


def test_the_same_digest_is_published_once(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1]})

    assert publish(tmp_path / "view", frame, digest="a") == publish(tmp_path / "view", frame, digest="a")


def test_any_column_name_and_odd_types_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "sepal length (cm)": [1.0, None],
            "a,b;{}()\n\t=": ["x", None],
            "\x1b[31m": pd.Series(["p", "q"], dtype="category"),
            "A": [1, 2],
            "a": [True, False],
            "naive": pd.to_datetime(["2013-01-01", "2013-01-02"]),
            "nothing": [None, None],
        }
    )

    back = read(tmp_path / "view", publish(tmp_path / "view", frame, digest="a")).to_pandas()

    assert list(back.columns) == list(frame.columns)
    assert back["\x1b[31m"].tolist() == ["p", "q"]
    assert str(back["naive"].dtype) == "datetime64[us, UTC]"


def test_a_version_that_is_gone_is_damaged(tmp_path: Path) -> None:
    version = publish(tmp_path / "view", pd.DataFrame({"id": [1]}), digest="a")

    with pytest.raises(Damaged):
        read(tmp_path / "view", version + 5)
    with pytest.raises(Damaged):
        read(tmp_path / "never", 0)


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'x' holds values of type"):
        publish(tmp_path / "view", pd.DataFrame({"x": [[1]]}), digest="a")


def killed_while_publishing(folder: Path, rounds: int) -> None:
    turn = 0
    for attempt in range(rounds):
        command = [sys.executable, "-c", PUBLISHER, str(folder), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline())]
            time.sleep(0.01 + 0.013 * (attempt % 12))
            os.kill(child.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in child.stdout.read().split()]

        last = acknowledged[-1]
        version = find(folder, f"d{last}")
        assert version is not None, "an acknowledged version is there"
        rows = read(folder, version)
        assert rows.num_rows == 200_000
        assert rows["round"].unique().to_pylist() == [last]
        turn = last + 1


def test_a_publisher_that_is_killed_leaves_the_old_version_whole(tmp_path: Path) -> None:
    killed_while_publishing(tmp_path / "view", rounds=3)


@pytest.mark.faults
def test_a_publisher_that_is_killed_at_many_points_leaves_the_old_version_whole(tmp_path: Path) -> None:
    killed_while_publishing(tmp_path / "view", rounds=60)


def killed_while_keeping(folder: Path, rounds: int) -> None:
    """Kill who publishes parts, compacts and removes; every time the newest version is whole, and the next goes on."""
    turn = 0
    for attempt in range(rounds):
        command = [sys.executable, "-c", KEEPER, str(folder), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline())]
            time.sleep(0.01 + 0.017 * (attempt % 13))
            os.kill(child.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in child.stdout.read().split()]

        newest = newest_version(folder)
        rows = read(folder, newest)["turn"].to_pandas().value_counts().to_dict()
        latest = max(rows)
        assert rows == dict.fromkeys(range(max(latest - 1, 0), latest + 1), 40000)
        assert latest >= acknowledged[-1]
        assert parts_now(folder) == {f"{turn}{half}" for turn in rows for half in "ab"}
        turn = latest + 1


def test_who_publishes_parts_compacts_and_removes_can_be_killed(tmp_path: Path) -> None:
    killed_while_keeping(tmp_path / "view", rounds=2)


@pytest.mark.faults
def test_who_publishes_parts_compacts_and_removes_can_be_killed_at_many_points(tmp_path: Path) -> None:
    killed_while_keeping(tmp_path / "view", rounds=60)


def part(first: int, rows: int = 3) -> pa.Table:
    return storable(pd.DataFrame({"id": range(first, first + rows), "first": first}))


def test_parts_come_in_their_order_and_unchanged_ones_are_not_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    one = publish_parts(folder, {"b": part(10), "a": part(0)}, ["a", "b"], digest="1")
    files = set(folder.rglob("*.parquet"))

    two = publish_parts(folder, {"c": part(20)}, ["c", "a", "b"], digest="2")
    three = publish_parts(folder, {"d": part(30)}, ["a", "d"], digest="3")

    assert read(folder, one)["first"].to_pylist() == [0] * 3 + [10] * 3
    assert read(folder, two)["first"].to_pylist() == [20] * 3 + [0] * 3 + [10] * 3
    assert read(folder, three)["first"].to_pylist() == [0] * 3 + [30] * 3
    assert read(folder, two, ["id"], parts=["c"]).to_pydict() == {"id": [20, 21, 22]}
    assert len(set(folder.rglob("*.parquet")) - files) == 2
    assert parts_now(folder) == {"a", "d"}


def test_a_part_of_another_type_promotes_the_others_and_none_of_its_own_takes_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    publish_parts(folder, {"a": part(0, 1)}, ["a"], digest="1")
    nothing = storable(pd.DataFrame({"id": [9], "first": [None]}))
    halves = storable(pd.DataFrame({"id": [8], "first": [0.5]}))

    two = publish_parts(folder, {"b": nothing}, ["a", "b"], digest="2")
    three = publish_parts(folder, {"c": halves}, ["a", "b", "c"], digest="3")

    assert read(folder, two)["first"].to_pylist() == [0, None]
    assert str(read(folder, two).schema.field("first").type) == "int64"
    assert read(folder, three)["first"].to_pylist() == [0.0, None, 0.5]


@pytest.mark.parametrize("publishes", [20, pytest.param(200, marks=pytest.mark.faults)])
def test_a_reader_during_many_publishes_sees_no_torn_state(tmp_path: Path, publishes: int) -> None:
    folder = tmp_path / "view"
    publish_parts(folder, {"p0": part(0)}, ["p0"], digest="0")
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            version = newest_version(folder)
            rows = read(folder, version)
            firsts = rows["first"].to_pylist()
            assert rows.num_rows == 3 * len(set(firsts)), "a version has all rows of each of its parts"
            assert firsts == sorted(firsts)
            seen.append(max(firsts))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(look)
        for turn in range(1, publishes + 1):
            kept = [f"p{turn - 1}"] if turn % 3 else []
            publish_parts(folder, {f"p{turn}": part(turn)}, [*kept, f"p{turn}"], digest=str(turn))
        done.set()
        reading.result()

    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_a_disk_without_room_leaves_the_old_version_and_the_next_publish_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    rows = np.random.default_rng(7).random(60_000)  # half a megabyte that no compression makes small
    old = publish(folder, pd.DataFrame({"id": rows}), digest="old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(Unavailable, match="no room for the features"):
            publish(folder, pd.DataFrame({"id": rows[::-1]}), digest="new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert (newest_version(folder), find(folder, "new")) == (old, None)
    assert read(folder, old)["id"].to_pylist() == rows.tolist()
    new = publish(folder, pd.DataFrame({"id": rows[::-1]}), digest="new")
    assert read(folder, new)["id"].to_pylist() == rows[::-1].tolist()


def test_files_of_dropped_versions_go_and_those_of_a_publish_that_goes_on_stay(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    versions = [publish(folder, pd.DataFrame({"id": [turn]}), digest=str(turn)) for turn in range(3)]
    (folder / "young.parquet").write_bytes(b"not committed yet")

    found = removable(folder, [versions[1]])
    remove(found.files)

    assert [path.name == "young.parquet" for path in found.files] == [False]
    assert read(folder, versions[1])["id"].to_pylist() == [1]
    with pytest.raises(Damaged):
        read(folder, versions[0])
    assert find(folder, "0") is None, "a version without its files is published again"
    assert [path.name for path in removable(folder, versions, now_s=time.time() + 7200).files] == ["young.parquet"]


COMPACTOR = """
import sys
from pathlib import Path
from app.features.retention import compact
print("ready", flush=True)
while True:
    compact(Path(sys.argv[1]))
    print("done", flush=True)
"""


@pytest.mark.faults
def test_a_compaction_that_is_killed_leaves_every_version_as_it_was(tmp_path: Path) -> None:
    from deltalake import write_deltalake

    folder = tmp_path / "view"
    versions = [publish(folder, pd.DataFrame({"id": range(1000)}), digest="0")]
    for attempt in range(25):
        write_deltalake(str(folder), pa.table({"id": range(1000)}), mode="append")
        versions.append(newest_version(folder))
        rows = [read(folder, version).num_rows for version in versions]
        command = [sys.executable, "-c", COMPACTOR, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.004 * attempt)
            os.kill(child.pid, signal.SIGKILL)

        assert [read(folder, version).num_rows for version in versions] == rows
        assert read(folder, newest_version(folder)).num_rows == rows[-1]
    assert compact(folder) >= 0
