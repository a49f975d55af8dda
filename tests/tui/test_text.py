"""The text boundary: nothing from outside reaches the terminal as anything but text."""

import ast
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.workspace import Workspace
from app.store.engine import Store
from app.tui.inks import Inks
from app.tui.lines import fit, strip_of, wrapped
from app.tui.text import LIMIT, content, plain
from tests.tui.seed import HOSTILE, seed

ROOT = Path(__file__).parents[2]
HOSTILES = [
    "\x1b]52;c;aGFjaw==\x07",
    "[/x]",
    "[@click=app.quit]click[/]",
    "\x9b31m\x9d0;title\x9c",
    "a\nb\r\nc\td",
    "\u202egnp.exe\u2066x\u2069",
    "zero\u200bwidth\u200djoiner\ufeff",
    "\x00\x7f\x85",
    "x" * 1_000_000,
    "\ud800 lone surrogate",
    "e\u0301" * 50,
    HOSTILE,
]


@pytest.mark.parametrize("value", HOSTILES, ids=range(len(HOSTILES)))
def test_a_hostile_value_becomes_short_printable_text(value: str) -> None:
    shown = plain(value)

    assert shown.isprintable()
    assert len(shown) <= LIMIT
    assert content(value).plain == shown


@given(st.text(max_size=200))
def test_any_text_becomes_printable(value: str) -> None:
    assert plain(value).isprintable()


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40))
def test_a_fitted_text_and_a_strip_have_exactly_their_width(value: str, width: int) -> None:
    strip = strip_of(((value, "bad"),), width, Inks({}))

    assert strip.cell_length == width
    assert sum(segment.cell_length for segment in strip) == width
    assert all(part.isprintable() for part in wrapped(value, width))
    assert fit(value, width).isprintable()


def test_an_object_that_cannot_be_written_is_named_by_its_type() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert plain(Broken()) == "<Broken>"


def test_no_widget_gets_markup_or_a_formatted_string() -> None:
    offences = []

    for path in sorted((ROOT / "app" / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                offences += [f"{path.name}:{node.lineno} {what}" for what in _offences_of(node)]
            if isinstance(node, ast.Attribute) and node.attr in ("from_markup", "from_ansi"):
                offences.append(f"{path.name}:{node.lineno} {node.attr}")

    assert offences == []


def _offences_of(call: ast.Call) -> list[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    markup = [k.value for k in call.keywords if k.arg == "markup"]
    found = ["markup=True" for value in markup if isinstance(value, ast.Constant) and value.value is True]
    if name in ("Static", "Label", "Button", "Markdown", "RichLog", "DataTable", "Log", "Tree", "OptionList"):
        found.append(f"{name} reads str as markup")
    if name == "notify" and not markup:
        found.append("notify without markup=False")
    return found


@pytest.mark.parametrize("keys", ["3jj", "35278", "3jj\r]]]"], ids=["runs", "places", "run"])
def test_no_escape_sequence_of_the_data_reaches_a_real_terminal(workspace: Workspace, store: Store, keys: str) -> None:
    seed(store, hostile=True)

    output, code = run_in_terminal(workspace, keys)

    assert code == 0
    assert b"\x1b]52" not in output
    assert b"\x07" not in re.sub(rb"\x1b\]22;[a-z-]*\x07", b"", output)  # Textual's own pointer shapes
    assert "\x9b" not in output.decode("utf-8", "ignore")
    assert "\u202e".encode() not in output
    assert b"\\e]52" in output


def run_in_terminal(workspace: Workspace, keys: str, *, code: str = "") -> tuple[bytes, int]:
    """Run the control room on a pseudo terminal, press keys, quit; gives what it wrote and its exit code."""
    script = (
        "import sys; from pathlib import Path; from app.domain.workspace import Workspace; from app.tui.app import *\n"
        f"{code}\n"
        "app = ControlRoom(Workspace(Path(sys.argv[1])), start_services=False); app.run()\n"
        "sys.stderr.write(app.crash_report); sys.exit(app.return_code or 0)"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(workspace.root)],
        stdin=follower, stdout=follower, stderr=follower, env=environment, close_fds=True, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    output = b""
    begun, sent = time.monotonic(), 0
    pressed = [*keys, "q", "q", "q"]
    last = begun
    while time.monotonic() - begun < 40:
        ready, _, _ = select.select([leader], [], [], 0.1)
        if ready:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            output += chunk
        now = time.monotonic()
        if len(output) > 3000 and now - last > 0.5 and sent < len(pressed) and process.poll() is None:
            os.write(leader, pressed[sent].encode())
            sent, last = sent + 1, now
    os.close(leader)
    return output, process.wait(timeout=10)
