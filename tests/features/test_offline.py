"""The offline store: versions, odd names, and a publisher that dies at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from app.domain.errors import BadInput, Damaged
from app.features.offline import find, publish, read

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
