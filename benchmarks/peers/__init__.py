"""Programs that we are measured against, each in an environment of its own, pinned in `NAME.txt`."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, made with pip when it is not there or its pins have changed.

    It lies in $TRAINMASTER_BENCH, or in ~/.cache/trainmaster-bench.
    """
    pins = FOLDER / f"{name}.txt"
    place = Path(os.environ.get("TRAINMASTER_BENCH") or Path.home() / ".cache" / "trainmaster-bench") / name
    python, mark = place / "bin" / "python", place / "pins.sha256"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == digest and python.exists():
        return python
    print(f"making the environment of {name} in {place} ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(pins)], check=True)
    mark.write_text(digest)
    return python
