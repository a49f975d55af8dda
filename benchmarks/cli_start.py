"""`trainmaster --help` against `python -c "import typer"`, in turn, as whole processes."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import Result

ROUNDS = 11


def run() -> list[Result]:
    """The ratio of the medians; bar: 2."""
    command = str(Path(sys.prefix) / "bin" / "trainmaster")
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds([command, "--help"]))
        bare.append(_seconds([sys.executable, "-c", "import typer"]))
    ratio = statistics.median(ours) / statistics.median(bare)
    return [
        Result("trainmaster --help", statistics.median(ours), "s", None, None),
        Result("python -c 'import typer'", statistics.median(bare), "s", None, None),
        Result("help against importing typer", ratio, "x", 2.0, ratio <= 2.0),
    ]


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "COLUMNS": "100"})
    return time.perf_counter() - begun
