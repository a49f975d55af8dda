"""Whatever a file, a name or the user's code holds: one clear error with its place and a next step, or legal data.

Every command is the real one; what it prints must be harmless, and after it the store is clean and nothing is half
written.
"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.domain.workspace import Workspace
from app.store.engine import Store
from tests.faults.made import (
    C1,
    CLOSING,
    COPY,
    HOSTILE,
    LINK,
    LONG,
    Door,
    counts,
    require_clean,
    require_harmless,
    rows_csv,
    written,
)

GOOD = rows_csv()


def as_parquet(**changes: Any) -> bytes:
    """The good rows as Parquet, some columns made anew."""
    made = io.BytesIO()
    pd.read_csv(io.BytesIO(GOOD)).assign(**changes).to_parquet(made)
    return made.getvalue()


PARQUET = as_parquet()
FILES: dict[str, tuple[str, bytes | None, tuple[str, ...], str, str | None]] = {
    # what: (file, content, options, words of the error, where)
    "a file that is missing": ("gone.csv", None, (), "there is no file gone.csv", None),
    "a name of a megabyte": (LONG, None, (), "name too long", None),
    "an empty file": ("a.csv", b"", (), "the file is empty", "a.csv"),
    "a header alone": ("a.csv", b"size,town,late\n", (), "columns but no rows", "a.csv"),
    "CSV that ends within a row": ("a.csv", GOOD[:-8], (), "seems cut off", "a.csv line 81"),
    "CSV that ends within quotes": ("a.csv", GOOD + b'1,"ulm', (), "never closed", "a.csv line 81"),
    "Parquet that is cut off": ("a.parquet", PARQUET[:-9], (), "cut off", "a.parquet"),
    "Parquet with other bytes": ("a.parquet", PARQUET[:60] + bytes(60) + PARQUET[120:], (), "damaged", "a.parquet"),
    "Latin-1": ("a.csv", GOOD + "1,Köln,1\n".encode("latin-1"), (), "not UTF-8", "a.csv line 82 column town"),
    "UTF-16": ("a.csv", GOOD.decode().encode("utf-16"), (), "UTF-16", "a.csv line 1"),
    "a column twice": ("a.csv", GOOD.replace(b"town", b"size"), (), "'size' is there 2 times", "a.csv line 1"),
    "a hostile column twice": (
        "a.csv",
        rows_csv(header=(HOSTILE, HOSTILE, "late")),
        (),
        "is there 2 times",
        "a.csv line 1",
    ),
    "a hostile name of an empty file": (f"{COPY}[x]{C1}.csv", b"", (), "the file is empty", None),
    "a hostile format": (f"a.{COPY}", GOOD, (), "is not known", None),
    "a column name of a megabyte": (
        "a.csv",
        rows_csv(header=("size", LONG, "late")),
        (),
        "a name of 1,000,000 characters",
        "a.csv line 1",
    ),
    "values of a megabyte": (
        "a.csv",
        rows_csv(town=lambda at: LONG if at % 8 == 3 else "ulm"),
        (),
        "town: a value of more than 65,536 characters",
        "a.csv line 5",
    ),
    "infinity in too many rows": (
        "a.csv",
        rows_csv(size=lambda at: "inf" if at % 5 == 0 else at * 7 % 13),
        (),
        "size: 'inf' is not a finite number",
        "a.csv line 2",
    ),
    "infinity in Parquet": (
        "a.parquet",
        as_parquet(size=[float("-inf") if at % 5 == 1 else at * 1.0 for at in range(80)]),
        (),
        "is not a finite number",
        "a.parquet row 2",
    ),
    "a constant target": (
        "a.csv",
        rows_csv(late=lambda _: HOSTILE),
        ("--target", "late"),
        "it is constant",
        "a.csv column late",
    ),
    "a target that is missing everywhere": (
        "a.csv",
        rows_csv(late=lambda _: ""),
        ("--target", "late"),
        "every value is missing",
        "a.csv column late",
    ),
    "a target of NaN": (
        "a.parquet",
        as_parquet(late=float("nan")),
        ("--target", "late"),
        "every value is missing",
        "a.parquet column late",
    ),
    "nothing but constants": (
        "a.csv",
        rows_csv(town=lambda _: "ulm", size=lambda _: 1),
        (),
        "no column is left to learn",
        "a.csv",
    ),
}


@pytest.fixture
def door(workspace: Workspace, store: Store, capfd: pytest.CaptureFixture[str]) -> Door:
    """The command line on an empty workspace."""
    return Door(workspace, capfd)


@pytest.mark.parametrize("case", FILES)
def test_init_of_a_bad_file_is_one_error_and_no_project(door: Door, tmp_path: Path, case: str) -> None:
    name, content, options, words, where = FILES[case]
    file = tmp_path / "given" / name
    if content is not None:
        written(file.parent, name, content)

    said = door("init", "one", "--from", str(file), "--json", *options)

    assert (said.code, said.out) == (1, "")
    assert words in str(said.error["error"])
    assert where is None or said.error["where"] == where
    assert said.error["next_step"]
    assert len(said.err) < 2000
    assert not list(door.workspace.projects.iterdir())
    assert not any(counts(door.workspace).values())
    require_clean(door)


def test_a_target_that_is_absent_is_wrong_use_and_names_the_columns(door: Door, tmp_path: Path) -> None:
    file = written(tmp_path, "a.csv", GOOD)

    said = door("init", "one", "--from", str(file), "--json", "--target", HOSTILE)

    assert (said.code, said.error["where"]) == (2, "a.csv")
    assert said.error["next_step"] == "--target is one of: size, town, late"
    assert not list(door.workspace.projects.iterdir())


def test_a_bad_file_makes_no_workspace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "a.csv", b"size,town\n")
    place = tmp_path / "new"
    place.mkdir()

    said = Door(Workspace(place), capfd)("init", "one", "--from", str(file), "--json")

    assert said.code == 1
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "target"),
    [
        ("a.csv", rows_csv(town=lambda at: (COPY, CLOSING, LINK, C1)[at % 4]), "late"),
        ("a.csv", rows_csv(late=lambda at: (HOSTILE, COPY, "no")[at * 7 % 3]), "late"),
        ("a.csv", rows_csv(header=(COPY + LINK, CLOSING, C1)), C1),
        (os.fsdecode(f"{COPY}[x]*{C1}".encode() + b"\xff.csv"), GOOD, "late"),
    ],
    ids=["categories", "classes", "columns", "file name"],
)
def test_hostile_text_is_data_and_every_door_shows_it_harmlessly(
    door: Door, tmp_path: Path, file: str, content: bytes, target: str
) -> None:
    path = written(tmp_path / "given", file, content)

    made = door("init", "one", "--from", str(path), "--target", target)
    trained = door.flow("pipeline")
    doors = [("data", "ls"), ("features", "ls"), ("runs", "ls"), ("models", "ls"), ("models", "show", "one", "1")]
    doors += [("audit", "ls"), ("lineage", "model:one/1"), ("project", "show"), ("data", "quarantine")]
    shown = [door(*each, *json_too) for each in doors for json_too in ((), ("--json",))]

    assert (made.code, trained.code) == (0, 0), made.err + trained.err
    assert [one.code for one in shown] == [0] * len(shown)
    assert counts(door.workspace)["model_version"] == 1
    require_clean(door)


def test_one_value_of_a_megabyte_and_one_infinity_go_to_quarantine(door: Door, tmp_path: Path) -> None:
    content = rows_csv(town=lambda at: LONG if at == 3 else "ulm", size=lambda at: "-inf" if at == 5 else at * 7 % 13)
    file = written(tmp_path, "a.csv", content)

    door("init", "one", "--from", str(file), "--json")
    ingested = door.flow("ingest")
    rows = [door("data", "quarantine", "--rule", rule).out for rule in ("town.length", "size.finite")]

    assert ingested.code == 0, ingested.err
    assert counts(door.workspace)["quarantined_row"] == 2
    assert "town: a value of more than 65,536 characters: 'xxx" in rows[0]
    assert "'-inf' is not a finite number" in rows[1]
    assert max(map(len, rows)) < 2000
    require_clean(door)


LATER: dict[str, tuple[bytes, str, str]] = {
    # a file that arrives when the project and its contract are there: (content, words, where)
    "an empty file": (b"", "the file is empty", "incoming/rows/rows.csv"),
    "a header alone": (b"size,town,late\n", "columns but no rows", "incoming/rows/rows.csv"),
    "a file that ends within a row": (GOOD[:-8], "seems cut off", "incoming/rows/rows.csv line 81"),
    "a byte that is not UTF-8": (GOOD + b"1,\xff,1\n", "not UTF-8", "incoming/rows/rows.csv line 82"),
    "a column twice": (GOOD.replace(b"town", b"size"), "is there 2 times", "incoming/rows/rows.csv line 1"),
    "text in a number column": (
        rows_csv(size=lambda _: HOSTILE),
        "rows.csv line 2: size: '\\e]52",
        "incoming/rows/rows.csv",
    ),
    "infinity in a number column": (
        rows_csv(size=lambda _: "Infinity"),
        "'Infinity' is not a finite number",
        "incoming/rows/rows.csv",
    ),
    "a column of a megabyte": (
        rows_csv(header=("size", "town", "late" + LONG)),
        "a name of 1,000,004 characters",
        "incoming/rows/rows.csv line 1",
    ),
}


@pytest.mark.parametrize("case", LATER)
def test_ingest_of_a_bad_file_is_one_error_and_no_snapshot(door: Door, tmp_path: Path, case: str) -> None:
    content, words, where = LATER[case]
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    incoming = door.workspace.project_folder("one") / "incoming" / "rows" / "rows.csv"
    incoming.write_bytes(content)

    # the whole way once, with the child process that a person's command starts; the others without its imports
    said = door("data", "ingest", "--json") if "text in" in case else door.flow("ingest")

    assert said.code == 1
    assert words in str(said.error["error"])
    assert where in (said.error["where"] or str(said.error["error"]))
    assert said.error["next_step"]
    assert not any(counts(door.workspace).values())
    require_clean(door)


CODE: dict[str, tuple[str, str]] = {
    "a hostile text": (f"raise ValueError({HOSTILE!r})", "ValueError: \\e]52;c;aGk=\\a[/x]"),
    "a megabyte": ("raise ValueError('x' * 1_000_000)", "(+999800)"),
    "half a character": ("raise ValueError('\\ud800')", "\\ud800"),
    "a hostile type": (f"raise type({COPY!r}, (Exception,), {{}})('x')", "\\e]52;c;aGk=\\a: x"),
    "a text that fails": (
        "raise type('Odd', (Exception,), {'__str__': lambda _: 1 / 0})()",
        "Odd: <Odd that cannot be written>",
    ),
    "no error at all": ("raise BaseException('\\ud800\\x1b]52')", "BaseException: \\ud800\\e]52"),
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "a recursion": ("return labelled(rows)", "RecursionError"),
}


@pytest.mark.parametrize("case", CODE)
def test_feature_code_that_raises_is_one_error_with_its_line_and_no_features(
    door: Door, tmp_path: Path, case: str
) -> None:
    code, words = CODE[case]
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    good = in_labelled(door, code)

    door.flow("ingest")
    said = door("features", "build", "--json") if case == "a hostile text" else door.flow("features")

    assert said.code == 1
    assert "projects/one/features.py line 16" in f"{said.error['where']} {said.error['error']}"
    assert words in str(said.error["error"])
    assert said.error["next_step"]
    assert len(said.err) < 2000
    assert counts(door.workspace)["feature_set"] == 0
    assert not [path for path in door.workspace.features.rglob("*") if path.is_file()]
    require_clean(door)

    features_file(door).write_text(good)
    again = door.flow("features")
    assert again.code == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("rows = rows.assign(late=1)", "always '1'"),
        ("rows = rows.assign(late=float('nan'))", "missing in every one"),
        ("rows = rows.assign(late=float('inf'))", "is infinite in row 1"),
        ("rows = rows.head(0)", "nothing to learn"),
        ("rows = rows.assign(late=1j)", "no type that can be stored"),
        ("rows = rows.assign(late=[object() for _ in range(len(rows))])", "no type that can be stored"),
        ("rows = rows.drop(columns='late')", "KeyError: 'late'"),
    ],
)
def test_a_target_that_feature_code_spoils_is_refused_and_no_version_is_made(
    door: Door, tmp_path: Path, code: str, words: str
) -> None:
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    good = in_labelled(door, code)

    said = door.flow("pipeline")

    assert said.code == 1
    assert words in str(said.error["error"])
    assert "late" in str(said.error["error"])
    assert said.error["next_step"]
    assert counts(door.workspace)["model_version"] == 0
    require_clean(door)

    features_file(door).write_text(good)
    again = door.flow("pipeline")
    assert (again.code, counts(door.workspace)["model_version"]) == (0, 1), again.err
    require_clean(door)


def test_a_later_file_without_the_target_is_refused_with_the_line_that_needs_it(door: Door, tmp_path: Path) -> None:
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    incoming = door.workspace.project_folder("one") / "incoming" / "rows" / "rows.csv"
    incoming.write_bytes(GOOD.replace(b",late\n", b",later\n"))

    said = door.flow("pipeline")

    assert said.code == 1
    assert "KeyError: 'late'" in str(said.error["error"])
    assert "projects/one/features.py line" in str(said.error)
    assert counts(door.workspace)["feature_set"] == 0
    require_clean(door)


def test_what_feature_code_prints_is_harmless_and_keeps_stdout_free_for_the_result(door: Door, tmp_path: Path) -> None:
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    in_labelled(door, f"import sys; print({HOSTILE!r}); sys.stderr.write({COPY!r})")

    door.flow("ingest")
    said = door.flow("features")

    assert said.code == 0
    assert json.loads(said.out)["flow"] == "features"
    assert "\\e]52;c;aGk=\\a" in said.err


def test_feature_code_of_another_encoding_and_a_project_file_of_another_encoding_are_named(
    door: Door, tmp_path: Path
) -> None:
    door("init", "one", "--from", str(written(tmp_path, "a.csv", GOOD)), "--json")
    door.flow("ingest")

    features_file(door).write_bytes(features_file(door).read_bytes() + b"# \xff\n")
    code = door.flow("features")
    project = door.workspace.project_file("one")
    project.write_bytes(project.read_bytes() + b"# \xff\n")
    toml = door("data", "ingest", "--json")

    assert (code.code, toml.code) == (1, 1)
    assert [said.error["where"] for said in (code, toml)] == ["projects/one/features.py", "projects/one/project.toml"]
    require_clean(door)


def test_an_error_that_nobody_foresaw_is_one_message_as_json_too(
    door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(HOSTILE + LONG)

    monkeypatch.setattr("app.services.proposal.propose", fails)

    said = door("init", "one", "--from", str(tmp_path / "a.csv"), "--json")
    plain = door("init", "one", "--from", str(tmp_path / "a.csv"))

    assert (said.code, plain.code) == (1, 1)
    assert str(said.error["error"]).startswith("RuntimeError: \\e]52")
    assert "TRAINMASTER_DEBUG=1" in str(said.error["next_step"])
    assert plain.err.count("error:") == 1


def test_hostile_bytes_from_a_flow_that_a_person_starts_never_reach_the_terminal(door: Door, tmp_path: Path) -> None:
    file = written(tmp_path / "given", f"{COPY}.csv", rows_csv(town=lambda at: (COPY, LINK)[at % 2]))
    door("init", "one", "--from", str(file), "--json")
    in_labelled(door, f"import warnings; warnings.warn({COPY!r}); print({HOSTILE!r}); raise ValueError({HOSTILE!r})")

    ended = subprocess.run(
        [sys.executable, "-m", "flows.pipeline", "--project", "one", "--workspace", str(door.workspace.root)],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 1
    require_harmless((ended.stdout + ended.stderr).decode())
    assert ended.stderr.decode().count("error: ") == 1
    require_clean(door)


def features_file(door: Door) -> Path:
    """The project's features.py."""
    return door.workspace.features_file("one")


def in_labelled(door: Door, code: str) -> str:
    """Let the spine's function begin with some code (on line 16); gives the file as it was."""
    good = features_file(door).read_text()
    head, end, rest = good.partition('"""The rows with the answer."""\n')
    assert end
    features_file(door).write_text(f"{head}{end}    {code}\n{rest}")
    return good
