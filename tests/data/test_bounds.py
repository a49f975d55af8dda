"""Input without measure: refused with its place, in memory that stays bounded; and what files do to each other."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.data import contract
from app.data.readers import read
from app.domain.errors import BadInput, Unavailable
from app.domain.project import ColumnRule, Source
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots
from app.store.engine import Store
from tests.data.connectors.made import orders, shop

MEASURED = """
import resource, sys
from pathlib import Path
from app.data import readers
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    raw = readers.read(Path(sys.argv[1]))
    print(len(raw.frame), "rows")
except Exception as error:
    print(str(error).split("\\n")[0])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) >> 10)
"""


def measured(path: Path) -> tuple[str, int]:
    """What reading a file says in a process of its own, and by how many megabytes its memory grew."""
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True, timeout=250
    ).stdout.splitlines()
    return told[0], int(told[1])


def one_line(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(80):
            stream.write(b"x" * (1 << 20))


def many_columns(path: Path) -> None:
    path.write_text(",".join(f"c{n}" for n in range(100_000)) + "\n" + ",".join("1" * 100_000) + "\n")


def gzip_bomb(path: Path) -> None:
    block = b"1,2\n" * (1 << 20)
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(b"a,b\n")
        for _ in range(28):
            stream.write(block)


def zstd_bomb(path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(b"a,b\n")
        for _ in range(28):
            stream.write(b"1,2\n" * (1 << 20))


def parquet_bomb(path: Path) -> None:
    pq.write_table(pa.table({"a": pa.nulls(200_000_000, pa.int64())}), path)


LARGE = {
    "a.csv": (one_line, "a.csv line 2: the line has more than 64 MiB"),
    "b.csv": (many_columns, "b.csv line 1: 100,000 columns; the limit is 20,000"),
    "c.csv.gz": (gzip_bomb, "over 200 times as much"),
    "d.csv.zst": (zstd_bomb, "over 200 times as much"),
    "e.parquet": (parquet_bomb, "unpack to about 1.5 GiB"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.faults] * name.endswith("parquet")) for name in LARGE]
)
def test_what_is_too_large_is_refused_before_it_is_in_memory(tmp_path: Path, name: str) -> None:
    make, words = LARGE[name]
    make(tmp_path / name)

    says, grown_mib = measured(tmp_path / name)

    assert words in says
    assert grown_mib < 200


@pytest.mark.faults
def test_a_gigabyte_in_a_single_line_is_refused_in_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "one.csv").open("wb") as stream:
        for _ in range(1024):
            stream.write(b"x," * (1 << 19))

    says, grown_mib = measured(tmp_path / "one.csv")

    assert "one.csv line 1: the line has more than 64 MiB" in says
    assert grown_mib < 200


@pytest.mark.faults
def test_a_large_csv_takes_less_than_a_gigabyte_over_its_size(tmp_path: Path) -> None:
    rows = pd.DataFrame({"id": np.arange(4_000_000), "town": "ulm", "at": "2013-01-02 00:00:00"})
    rows.to_csv(tmp_path / "large.csv", index=False)
    size_mib = (tmp_path / "large.csv").stat().st_size >> 20

    says, grown_mib = measured(tmp_path / "large.csv")

    assert says == "4000000 rows"
    assert grown_mib < size_mib + 1024


def test_mixed_encodings_are_named_with_line_and_column_wherever_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,town\n" + b"1,ulm\n" * 900_000 + "2,Köln\n".encode() + "3,Köln\n".encode("latin-1"))

    with pytest.raises(BadInput) as found:
        read(path)

    assert found.value.where == "a.csv line 900003 column town"


def test_a_file_that_grows_while_it_is_read_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    walked = read.__globals__["survey"]

    def grows(file: object) -> object:
        found = walked(file)
        with path.open("ab") as stream:
            stream.write(b"3,4\n")
        return found

    monkeypatch.setitem(read.__globals__, "survey", grows)

    with pytest.raises(Unavailable, match="changed while it was read"):
        read(path)


def test_a_time_without_zone_is_one_of_the_declared_zone_and_dst_is_told() -> None:
    rules = {"at": ColumnRule(type="time", required=True)}
    source = Source(path="*.csv", columns=rules, timezone="America/New_York")
    texts = [
        "2013-01-01 12:00:00",  # winter
        "2013-07-01 12:00:00",  # summer
        "2013-07-01T12:00:00+02:00",  # says its own
        "2013-03-10 02:30:00",  # never was
        "2013-11-03 01:30:00",  # was twice
    ]

    checked = contract.check(pd.DataFrame({"at": texts}), source, name="x", where="x")

    assert [str(at) for at in checked.accepted["at"]] == [
        "2013-01-01 17:00:00+00:00",
        "2013-07-01 16:00:00+00:00",
        "2013-07-01 10:00:00+00:00",
    ]
    assert [bad.row for bad in checked.rejected] == [3, 4]
    assert "clocks change there" in checked.rejected[0].reason


def test_a_parquet_time_without_zone_is_one_of_the_declared_zone() -> None:
    source = Source(path="*.parquet", columns={"at": ColumnRule(type="time")}, timezone="Europe/Berlin")
    frame = pd.DataFrame({"at": pd.to_datetime(["2013-07-01 12:00", "2013-03-31 02:30"])})

    checked = contract.check(frame, source, name="x", where="x")

    assert (str(checked.accepted["at"].iloc[0]), [bad.row for bad in checked.rejected]) == (
        "2013-07-01 10:00:00+00:00",
        [1],
    )


def test_partitions_that_come_late_twice_or_out_of_order_end_in_the_same_data(
    workspace: Workspace, store: Store
) -> None:
    project = shop(workspace, 'path = "incoming"\ntime = "at"\n')
    folder = project.folder / "incoming"
    folder.mkdir()

    def part(month: int, *more: str) -> bytes:
        return "".join(["id,at\n", *(f"{month}-{n},2013-{month:02}-0{n}\n" for n in (1, 2)), *more]).encode()

    taken = []
    for name, content in (("03.csv", part(3)), ("01.csv", part(1)), ("again.csv", part(3)), ("02.csv", part(2))):
        (folder / name).write_bytes(content)
        taken.append(orders(store, project).accepted)
    (folder / "01.csv").write_bytes(part(1, "1-3,2013-01-03\n"))
    taken.append(orders(store, project).accepted)
    (folder / "01.csv").write_bytes(part(1))  # and back: the bytes are known, the file is not what it was
    taken += [orders(store, project).accepted, orders(store, project).accepted]

    assert taken == [2, 2, 0, 2, 3, 2, 0]
    assert [(s.path[-6:], s.rows) for s in newest_snapshots(store, 1)] == [("01.csv", 2), ("02.csv", 2), ("03.csv", 2)]


def test_a_clock_that_runs_backwards_changes_no_order(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    project = shop(workspace, 'path = "incoming/*.csv"\n')
    (project.folder / "incoming").mkdir()
    file = project.folder / "incoming" / "a.csv"
    for year, content in ((2030, b"id\n1\n"), (2020, b"id\n1\n2\n")):
        file.write_bytes(content)
        monkeypatch.setattr("app.services.data.ingesting.now", lambda year=year: datetime(year, 1, 1, tzinfo=UTC))
        orders(store, project)

    assert [snapshot.rows for snapshot in newest_snapshots(store, 1)] == [2]
