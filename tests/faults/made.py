"""Small files of rows, the commands that take them, and what must hold whatever was in them."""

import csv
import io
import json
import random
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli.main import run
from app.domain.workspace import Workspace
from app.store.reader import Reader

COPY, CLOSING, LINK, C1, LONG = "\x1b]52;c;aGk=\a", "[/x]", "[@click=app.quit]", "\x9b31m", "x" * 1_000_000
HOSTILE = f"{COPY}{CLOSING}{LINK}{C1}\u202e"
TABLES = ("snapshot", "source_file", "quarantined_row", "artifact", "feature_set", "model_version")


def rows_csv(
    count: int = 80,
    *,
    header: tuple[str, ...] = ("size", "town", "late"),
    size: Callable[[int], object] | None = None,
    town: Callable[[int], object] | None = None,
    late: Callable[[int], object] | None = None,
) -> bytes:
    """A CSV file that trains in a moment; each column can be made by a function of the row's number instead."""
    chance = random.Random(7)
    drawn = [(chance.random() * 100, chance.choice(("ulm", "bonn")), int(chance.random() < 0.4)) for _ in range(count)]
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(header)
    for at, (a, b, c) in enumerate(drawn):
        writer.writerow((size(at) if size else f"{a:.3f}", town(at) if town else b, late(at) if late else c))
    return made.getvalue().encode()


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, str | None]:
        """The one error of a command that was called with --json."""
        found = [line for line in self.err.splitlines() if line.startswith(("{", "error", "Traceback"))]
        assert len(found) == 1, self.err[-2000:]
        return dict(json.loads(found[0]))


class Door:
    """The command line, called in this process on one workspace; whatever it prints must be harmless."""

    def __init__(self, workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
        self.workspace = workspace
        self._capfd = capfd

    def __call__(self, *arguments: str) -> Said:
        """Run a command of `trainmaster`."""
        return self._said(lambda: run([*arguments, "--workspace", str(self.workspace.root)]))

    def flow(self, name: str) -> Said:
        """Run a flow as `python -m flows.NAME --json` does, in this process: its imports are paid once."""
        import importlib

        from flows.command import run_command

        made = vars(importlib.import_module(f"flows.{name}"))[name]
        place = str(self.workspace.root)
        said = self._said(
            lambda: sys.exit(run_command(made, ["--project", "one", "--workspace", place, "--json", "--quiet"]))
        )
        return Said(said.code, said.out, said.out if said.code else said.err)

    def _said(self, call: Callable[[], object]) -> Said:
        self._capfd.readouterr()
        code = 0
        try:
            call()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = self._capfd.readouterr()
        require_harmless(printed.out + printed.err)
        return Said(code, printed.out, printed.err)


def require_harmless(text: str) -> None:
    """No control character but the line end, nothing that changes the direction of text, no half character."""
    found = {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter != "\n"}
    assert not found, sorted(map(ascii, found))


def counts(workspace: Workspace) -> dict[str, int]:
    """How many rows each table of results has."""
    reader = Reader.of_url(f"sqlite:///{workspace.store_file}")
    try:
        return {table: int(reader.value(f"SELECT count(*) FROM {table}")) for table in TABLES}
    finally:
        reader.close()


def require_clean(door: Door) -> None:
    """`store fsck` finds nothing, no run is left running, and no file is half written."""
    found = door("store", "fsck", "--json")
    assert (found.code, json.loads(found.out)["problems"]) == (0, [])
    state = door.workspace.state
    assert not list(state.glob("init-*"))
    reader = Reader.of_url(f"sqlite:///{door.workspace.store_file}")
    try:
        assert reader.value("SELECT count(*) FROM run WHERE state IN ('running', 'requested')") == 0
        assert reader.value("SELECT count(*) FROM task WHERE state = 'running'") == 0
    finally:
        reader.close()


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with a content."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path
