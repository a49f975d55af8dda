"""A crash restores the terminal and names a log file."""

from app.domain.workspace import Workspace
from app.store.engine import Store
from tests.tui.seed import seed
from tests.tui.test_text import run_in_terminal

BROKEN = (
    "from app.tui.screens.place import PlaceScreen\n"
    "def broken(self):\n"
    "    raise RuntimeError('boom \\x1b]52;c;x\\x07 [/x]')\n"
    "PlaceScreen.do_go_last = broken\n"
    "import app.domain.actions\n"
)


def test_a_crash_restores_the_terminal_and_its_report_names_a_log_file(workspace: Workspace, store: Store) -> None:
    seed(store)

    output, code = run_in_terminal(workspace, "-", code=BROKEN)

    logs = sorted(workspace.logs.glob("screen-*.log"))
    assert code == 1
    assert len(logs) == 1
    assert "RuntimeError" in logs[0].read_text()
    assert output.rfind(b"\x1b[?1049l") > output.rfind(b"\x1b[?1049h")
    tail = output[output.rfind(b"\x1b[?1049l") :]
    assert b"The control room stopped" in tail
    assert str(logs[0]).encode() in tail
    assert b"\x1b]52" not in output
