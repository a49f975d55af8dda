"""The screen on a real pseudo terminal: first frame at 10,000 runs, and key to frame with live updates on."""

import compileall
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import Result, at_most

ROOT = Path(__file__).parents[1]
ROUNDS = 8
KEYS = 120
PLACES = {"5": "Registry", "6": "Serving", "9": "CI/CD"}
"""Where keys are also measured, beside Runs."""
VISITS = 9
"""Places, the first of which is open at the start."""


def run() -> list[Result]:
    """Measure whole processes, the empty app and ours by turns; the median of the pairs is compared."""
    from app.services.workspaces import make_workspace, open_store
    from tests.tui.seed import seed

    compileall.compile_dir(ROOT / "app", quiet=1)  # bytecode, as an install has it
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder) / "workspace")
        with open_store(workspace) as store:
            seed(store, runs=10_000)
            empty, first, data = [], [], []
            for _ in range(ROUNDS):
                empty.append(_first_frame(folder, "empty")[0])
                shell, filled = _first_frame(folder, "room")
                first.append(shell)
                data.append(filled)
            stop = threading.Event()
            writer = threading.Thread(target=_write, args=(store, stop), daemon=True)
            writer.start()
            latencies = sorted(_key_latencies(folder, "3"))
            elsewhere = {name: sorted(_key_latencies(folder, place)) for place, name in PLACES.items()}
            new, known = _visits(folder)
            stop.set()
            writer.join()
    pairs = list(zip(empty, first, data, strict=True))  # what disturbs the machine disturbs both of a pair
    ratio = median(shown / base for base, shown, _ in pairs)
    full = median(filled / base for base, _, filled in pairs)
    p50, p95 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.95)]
    return [
        Result("first frame, empty Textual app", median(empty) * 1000, "ms"),
        at_most("first frame at 10,000 runs / empty app", ratio, "x", 1.5),
        Result("first frame with data at 10,000 runs / empty app", full, "x"),
        Result(f"key to frame, median of {len(latencies)}", p50, "ms"),
        at_most(f"key to frame, p95 of {len(latencies)}, live updates on", p95, "ms", 33),
        *(
            at_most(f"key to frame in {name}, p95 of {len(seen)}", seen[int(len(seen) * 0.95)], "ms", 33)
            for name, seen in elsewhere.items()
        ),
        at_most(f"key to frame of a place never seen, slowest of {len(new)}", max(new), "ms", 200),
        at_most(f"key to frame of a place seen before, slowest of {len(known)}", max(known), "ms", 50),
    ]


def _write(store: object, stop: threading.Event) -> None:
    """Live updates: a run progresses four times a second, a new run comes every second."""
    from sqlalchemy import text

    from app.store.engine import Store
    from app.store.ledger import request_run
    from tests.tui.seed import NOW

    assert isinstance(store, Store)
    count = 0
    while not stop.wait(0.25):
        count += 1
        with store.write() as session:
            session.connection().execute(
                text("UPDATE task SET share = :share WHERE state = 'running'"), {"share": (count % 100) / 100}
            )
            if count % 4 == 0:
                request_run(session, flow="train", project_id=1, requested_by="bench", now=NOW)


def _script(kind: str) -> str:
    lines = ["import sys", "from pathlib import Path"]
    if kind == "empty":
        # the empty app must not pay for importing ours
        lines += [
            "import time, json",
            "from textual.app import App",
            "class Empty(App):",
            "    seen = None",
            "    def _display(self, screen, renderable):",
            "        super()._display(screen, renderable)",
            "        if renderable is not None and self.seen is None:",
            "            self.seen = time.time()",
            "    def on_unmount(self):",
            "        found = {'first': [self.seen], 'data': None, 'latencies_ms': []}",
            "        Path(sys.argv[2]).write_text(json.dumps(found))",
            "Empty().run()",
        ]
    else:
        lines += [
            "import app.tui.app",  # the first thing that `trainmaster` imports of the screen
            "from app.domain.workspace import Workspace",
            "from app.tui.probe import ProbedRoom",
            "app = ProbedRoom(Workspace(Path(sys.argv[1])), start_services=False)",
            "app.probe_file = Path(sys.argv[2])",
            "app.start()",
        ]
    return "\n".join(lines)


def _first_frame(folder: str, kind: str) -> tuple[float, float]:
    begun, found = _terminal(folder, kind, [], settle_s=0.6)
    first = float(found["first"][0])
    return first - begun, float(found["data"] or first) - begun


def _key_latencies(folder: str, place: str) -> list[float]:
    moves = ["j", "j", "\x1b[6~", "k", "j", "\x1b[5~"] * (KEYS // 6)
    _, found = _terminal(folder, "room", [place, *moves], settle_s=1.0)
    return list(found["latencies_ms"][1:])


def _visits(folder: str) -> tuple[list[float], list[float]]:
    """Latencies of the first visit to each place and of the visits after it, in ms."""
    places = [str(place) for place in range(1, VISITS + 1)]
    _, found = _terminal(folder, "room", [*places[1:], *places, *places], settle_s=1.0)
    seen = list(found["latencies_ms"])
    return seen[: VISITS - 1], seen[VISITS - 1 :]


def _terminal(folder: str, kind: str, keys: list[str], *, settle_s: float) -> tuple[float, dict[str, Any]]:
    """Run an app on a pseudo terminal, press keys, stop it with ctrl+q; gives its start and what the probe wrote."""
    out = Path(folder) / "probe.json"
    out.unlink(missing_ok=True)
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36", "PYTHONPATH": str(ROOT)}
    begun = time.time()
    process = subprocess.Popen(
        [sys.executable, "-c", _script(kind), str(Path(folder) / "workspace"), str(out)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    pending = [*keys, "\x11"]
    seen, next_key = 0, float("inf")
    while process.poll() is None and time.time() - begun < 60:
        ready, _, _ = select.select([leader], [], [], 0.01)
        if ready:
            try:
                seen += len(os.read(leader, 1 << 16))
            except OSError:
                break
        if seen > 500 and next_key == float("inf"):
            next_key = time.time() + settle_s
        if time.time() >= next_key and pending:
            key = pending.pop(0)
            os.write(leader, key.encode())
            next_key = time.time() + (settle_s if not pending or key.isdigit() else 0.05)
    os.close(leader)
    process.wait(timeout=10)
    return begun, json.loads(out.read_text())


if __name__ == "__main__":
    for result in run():
        missed = "MISSED" if result.met is False else ""
        print(f"{result.name:<58} {result.value:8.2f} {result.unit:<3} {result.bar or '':<8} {missed}")
