"""What runs in the child: parse the model, answer the canary, compare exactly; standard library only."""

import json
import math
import os
import sys
import time
from typing import Any

from app.learning.native import Trees
from app.learning.signature import RecordEncoder, Signature

TOLERANCE = 1e-12


def main() -> None:
    """Read the job from stdin, write one line of JSON to the stdout that the parent opened."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints does not mix with the answer
    job = json.loads(sys.stdin.buffer.readline())
    text = sys.stdin.buffer.read(int(job["size"]))
    answers.write(json.dumps(answer(job, text)) + "\n")
    answers.flush()


def answer(job: dict[str, Any], text: bytes) -> dict[str, object]:
    """Compare the model's answers with the stored ones: ok, rows, largest difference, seconds of load and predict."""
    begun = time.monotonic()
    trees = Trees(text, library=job["library"])
    loaded = time.monotonic()
    signature = Signature.of_json(job["signature"])
    if trees.inputs != len(signature.features) or trees.outputs != signature.outputs:
        return {"ok": False, "says": "the model and its signature differ in their features or classes"}
    records, expected = job["records"], job["expected"]
    got = trees.predict(RecordEncoder(signature).rows(records), len(records))
    wanted = [float(x) for row in expected for x in (row if isinstance(row, list) else [row])]
    if len(wanted) != len(got) or not wanted:
        return {"ok": False, "says": f"{len(wanted)} stored answers, {len(got)} predicted"}
    largest = max(abs(a - b) if math.isfinite(a) else math.inf for a, b in zip(got, wanted, strict=True))
    same = largest <= TOLERANCE
    return {
        "ok": same,
        "says": f"{len(records)} answers equal the stored ones" if same else f"answers differ by up to {largest:g}",
        "rows": len(records),
        "load_s": loaded - begun,
        "predict_s": time.monotonic() - loaded,
    }
