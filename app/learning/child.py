"""What runs in the child: parse the model, answer the canary, compare; standard library only for LightGBM text."""

import json
import math
import os
import sys
import time
from typing import Any

from app.learning.calibration import Calibration
from app.learning.formats import format_of
from app.learning.parser import parse
from app.learning.signature import RecordEncoder, Signature

TOLERANCE = 1e-12


def main() -> None:
    """Read the job from stdin, write one line of JSON to the stdout that the parent opened."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints does not mix with the answer
    job = json.loads(sys.stdin.buffer.readline())
    limit_memory(int(job["memory_bytes"]))
    text = sys.stdin.buffer.read(int(job["size"]))
    answers.write(json.dumps(answer(job, text)) + "\n")
    answers.flush()


def limit_memory(most_bytes: int) -> None:
    """Let this process have so many bytes of data and no more, where the system can say so."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    except (ImportError, AttributeError, ValueError, OSError):
        return


def answer(job: dict[str, Any], text: bytes) -> dict[str, object]:
    """Compare the model's answers with the stored ones: ok, rows, largest difference, seconds of load and predict."""
    begun = time.monotonic()
    signature = Signature.of_json(job["signature"])
    trees = parse(format_of(str(job["format"])), text, signature, library=job["library"])
    loaded = time.monotonic()
    if trees.inputs != len(signature.features) or trees.outputs != signature.outputs:
        return {"ok": False, "says": "the model and its signature differ in their features or classes"}
    records, expected = job["records"], job["expected"]
    got = trees.predict(RecordEncoder(signature).rows(records), len(records))
    if job["calibration"] is not None:
        got = Calibration.of_json(job["calibration"]).apply(got)
    wanted = [float(x) for row in expected for x in (row if isinstance(row, list) else [row])]
    if len(wanted) != len(got) or not wanted:
        return {"ok": False, "says": f"{len(wanted)} stored answers, {len(got)} predicted"}
    each = one_by_one(trees, RecordEncoder(signature), records)
    largest = max(abs(a - b) if math.isfinite(a) else math.inf for a, b in zip(got, wanted, strict=True))
    same = largest <= TOLERANCE
    return {
        "ok": same,
        "says": f"{len(records)} answers equal the stored ones" if same else f"answers differ by up to {largest:g}",
        "rows": len(records),
        "exact": largest == 0,
        "load_s": loaded - begun,
        "predict_s": time.monotonic() - loaded,
        "latency_ms": each,
        "memory_mb": peak_memory_mb(),
    }


def one_by_one(trees: Any, encoder: RecordEncoder, records: list[Any]) -> float:
    """The 95th percentile of the milliseconds that one record takes, from record to answer."""
    spent = []
    for record in records:
        begun = time.perf_counter()
        trees.predict(encoder.rows([record]), 1)
        spent.append((time.perf_counter() - begun) * 1000)
    return sorted(spent)[math.ceil(0.95 * len(spent)) - 1]


def peak_memory_mb() -> float | None:
    """The most memory that this process has held, in MB of a million bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
