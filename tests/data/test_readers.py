"""Reading raw files: what is right comes as it is, what is wrong is named with its line."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from app.data.readers import fingerprint, read
from app.domain.errors import BadInput, NotFound

HOSTILE = "\x1b]52;c;aGk=\x07[/x][@click=app.quit]"


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


WRONG = {
    "an empty file": ("a.csv", b"", "the file is empty", "a.csv"),
    "a header only": ("a.csv", b"a,b\n", "columns but no rows", "a.csv"),
    "a header without a line end": ("a.csv", b"a,b", "columns but no rows", "a.csv"),
    "empty lines": ("a.csv", b"\n\n\n", "header line is empty", "a.csv line 1"),
    "a line that is too short": ("a.csv", b"a,b\n1,2\n3\n4,5\n", "1 values, but the header names 2", "a.csv line 3"),
    "a line that is too long": ("a.csv", b"a,b\n1,2\n3,4,5\n", "3 values, but the header names 2", "a.csv line 3"),
    "a file that ends within a line": ("a.csv", b"a,b\n1,2\n3", "seems cut off", "a.csv line 3"),
    "a quote that never closes": ("a.csv", b'a,b\n1,2\n3,"x\n', "never closed", "a.csv line 2"),
    "a column twice": ("a.csv", b"a,b,a\n1,2,3\n", "'a' is there 2 times", "a.csv line 1"),
    "a byte that is not UTF-8": ("a.csv", b"a,b\n1,x\n2,\xff\n", "byte 0xff at position 3", "a.csv line 3 column b"),
    "UTF-16": ("a.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16", "a.csv line 1"),
    "a zero byte": ("a.csv", b"a,b\n1,\x00\n", "zero byte", "a.csv line 2"),
    "Parquet that is cut off": ("a.parquet", b"PAR1" + b"x" * 40, "cut off", "a.parquet"),
    "Parquet with a broken end": ("a.parquet", b"PAR1" + b"x" * 40 + b"PAR1", "damaged", "a.parquet"),
    "text with Parquet's suffix": ("a.parquet", b"a,b\n1,2\n", "not a Parquet file", "a.parquet"),
    "gzip that is none": ("a.csv.gz", b"a,b\n1,2\n", "gzip data is damaged", "a.csv.gz"),
    "JSON that is cut off": ("a.jsonl", b'{"a": 1}\n{"a": \n', "not valid JSON", "a.jsonl line 2"),
    "JSON that is a list": ("a.jsonl", b'{"a": 1}\n[1]\n', "not a JSON object", "a.jsonl line 2"),
    "JSON that mixes kinds": (
        "a.jsonl",
        b'{"a": 1}\n{"a": "x"}\n',
        "a text value, but line 1",
        "a.jsonl line 2 column a",
    ),
    "JSON within JSON": ("a.jsonl", b'{"a": {"b": 1}}\n', "nested", "a.jsonl column a"),
    "an unknown format": ("a.xlsx", b"PK", "format .xlsx is not known", "a.xlsx"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_place_and_a_next_step(tmp_path: Path, case: str) -> None:
    name, content, words, where = WRONG[case]
    path = write(tmp_path, name, content)

    with pytest.raises(BadInput) as found:
        read(path)

    assert words in found.value.message
    assert found.value.where == where
    assert found.value.next_step


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        read(tmp_path / "gone.csv")
    with pytest.raises(BadInput, match="this is a folder"):
        read(tmp_path)


def test_parquet_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"a": range(2000), "b": ["x"] * 2000}).to_parquet(whole)
    content = whole.read_bytes()

    for length in range(1, len(content), max(1, len(content) // 40)):
        path = write(tmp_path, "cut.parquet", content[:length])
        with pytest.raises(BadInput):
            read(path)


def test_separators_byte_order_mark_and_line_ends_are_understood(tmp_path: Path) -> None:
    semicolons = read(write(tmp_path, "a.csv", b"\xef\xbb\xbfa;b\r\n1;x\r\n"))
    tabs = read(write(tmp_path, "a.tsv", b"a\tb\n1\tx\n"))
    packed = read(write(tmp_path, "a.csv.gz", gzip.compress(b"a,b\n1,x\n")))

    for raw in (semicolons, tabs, packed):
        assert raw.frame.to_dict("list") == {"a": ["1"], "b": ["x"]}


def test_a_line_number_counts_quoted_line_ends_and_empty_lines(tmp_path: Path) -> None:
    raw = read(write(tmp_path, "a.csv", b'a,b\n1,"x\ny"\n\n2,z\n3,z\n'))

    assert len(raw.frame) == 3
    assert raw.places([1, 2]) == ["a.csv line 5", "a.csv line 6"]


def test_a_hostile_value_stays_data_and_is_harmless_in_a_message(tmp_path: Path) -> None:
    kept = read(write(tmp_path, "a.csv", f"a,b\n1,{HOSTILE}\n".encode()))

    with pytest.raises(BadInput) as found:
        read(write(tmp_path, "x\x1b[31m.csv", f"{HOSTILE},{HOSTILE}\n1,2\n".encode()))

    assert kept.frame["b"].tolist() == [HOSTILE]
    assert "\x1b" not in str(found.value)


def test_a_long_line_is_read(tmp_path: Path) -> None:
    raw = read(write(tmp_path, "a.csv", b"a,b\n" + b"x" * 9_000_000 + b",2\n" + b"y,3\n" * 2))

    assert raw.frame["a"].str.len().tolist() == [9_000_000, 1, 1]


def test_the_fingerprint_is_the_digest_of_what_was_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"a,b\n1,2\n")

    raw = read(path)

    assert fingerprint(path) == (raw.digest, raw.size_bytes)
