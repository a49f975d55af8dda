"""Proof before trust: a child process loads a model and must give the stored answers, exactly."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from app.learning.formats import Format
from app.learning.native import library_file
from app.learning.openmp import PASSIVE, VARIABLE
from app.learning.package import Package

BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from app.learning.child import main; main()"
MEMORY_BYTES = 4 << 30
"""What a child may take, beside twenty times the model."""


@dataclass(frozen=True)
class ChildVerdict:
    """What the child found."""

    ok: bool
    says: str
    rows: int
    seconds: float
    exact: bool = False
    """Whether every answer is the stored one to the last bit, not within the tolerance alone."""
    latency_ms: float | None = None
    """The 95th percentile for one record, model and preprocessing alone, with one thread."""
    memory_mb: float | None = None
    """The most memory that the child held."""


def check_in_child(package: Package, timeout_s: float | None = None) -> ChildVerdict:
    """Load a package in a fresh process and compare its canary answers (to 1e-12).

    The digests are checked first, here: damaged bytes never reach a parser (raises Damaged). A child that crashes,
    hangs for longer than `timeout_s` seconds (20, or 60 for an archive, which needs scikit-learn) or answers otherwise
    gives a verdict that is not ok.
    """
    package.verify()
    begun = time.monotonic()
    light = package.format is Format.LIGHTGBM_TEXT
    timeout_s = timeout_s or (20.0 if light else 60.0)
    job = {
        "format": str(package.format),
        "calibration": package.manifest.get("calibration"),
        "memory_bytes": MEMORY_BYTES + 20 * len(package.model),
        "library": str(library_file()) if light else None,
        "signature": package.manifest["signature"],
        "records": package.canary["inputs"],
        "expected": package.canary["predictions"],
        "size": len(package.model),
    }
    root = str(Path(__file__).resolve().parents[2])
    try:
        done = subprocess.run(
            [sys.executable, "-I", *(["-S"] if light else []), "-W", "ignore", "-c", BOOT, root],
            input=json.dumps(job, allow_nan=False).encode() + b"\n" + package.model,
            capture_output=True,
            timeout=timeout_s,
            env={VARIABLE: PASSIVE, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _verdict(False, f"the model did not answer within {timeout_s:g} s", 0, begun)
    if done.returncode < 0:
        return _verdict(False, f"the model ended its process by signal {-done.returncode}", 0, begun)
    if done.returncode > 0:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return _verdict(False, f"the model cannot be loaded: {(last or ['no reason given'])[0][:300]}", 0, begun)
    answer = json.loads(done.stdout)
    verdict = _verdict(answer["ok"] is True, str(answer["says"]), int(answer.get("rows", 0)), begun)
    verdict = replace(verdict, exact=answer.get("exact") is True)
    return replace(verdict, latency_ms=answer.get("latency_ms"), memory_mb=answer.get("memory_mb"))


def _verdict(ok: bool, says: str, rows: int, begun: float) -> ChildVerdict:
    return ChildVerdict(ok, says, rows, time.monotonic() - begun)
