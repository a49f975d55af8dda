"""A day of predictions through the gateway's own log and then through the monitor, in a process of its own; JSON."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import orjson

from app.domain.problem import Task
from app.domain.project import Monitoring
from app.gateway.log import PART_ROWS
from app.gateway.parts import SCHEMA
from app.monitoring.profiling import Column, Judged, exam_profile, features_profile
from app.monitoring.reference import parse_profile
from app.monitoring.report import drift_report
from app.monitoring.serving_log import read_log
from benchmarks.peers.peak import peak_bytes

NUMBERS, WORDS, KINDS = 18, 5, 1000


def main(place: str, rows: int) -> None:
    """Write the parts as the gateway does, then read them as the monitor does."""
    import pyarrow as pa
    import pyarrow.parquet

    random, folder = np.random.default_rng(7), Path(place)
    values = random.normal(size=(KINDS * 20, NUMBERS))
    words = random.integers(0, 16, (KINDS * 20, WORDS))
    columns = [Column(f"n{at}", values[:, at]) for at in range(NUMBERS)]
    columns += [Column(f"c{at}", words[:, at].astype(float), tuple(f"w{w}" for w in range(16))) for at in range(WORDS)]
    score = random.random(KINDS * 20)
    judged = Judged((score > 0.5).astype(float), score, score)
    profile = parse_profile(
        json.dumps({**features_profile(columns, None), **exam_profile(Task.BINARY, judged)}).encode()
    )
    records = [
        orjson.dumps(
            {f"n{at}": row[at] for at in range(NUMBERS)} | {f"c{at}": f"w{kinds[at]}" for at in range(WORDS)}
        ).decode()
        for row, kinds in zip(values.tolist(), words.tolist(), strict=True)
    ]
    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64()}
    begun, written = time.process_time(), 0
    while written < rows:
        count = min(PART_ROWS, rows - written)
        chosen = random.integers(0, len(records), count)
        filled = {
            "request_id": [f"request-{written}"] * count,
            "row": range(count),
            "at": [int((1_750_000_000 + written / 120) * 1e6)] * count,
            "project": ["p"] * count,
            "model": ["p"] * count,
            "version": [1] * count,
            "feature_set_version": [1] * count,
            "deployment": ["d"] * count,
            "inputs": [records[at] for at in chosen],
            "prediction": [str(one) for one in score[chosen]],
            "score": score[chosen],
        }
        table = pa.table({name: pa.array(filled[name], kinds[kind]) for name, kind in SCHEMA.items() if name in filled})
        pyarrow.parquet.write_table(table, folder / f"part-{written:09}.parquet", compression="zstd")
        written += count
    logged_s, begun = time.process_time() - begun, time.process_time()
    wall = time.perf_counter()
    window = read_log(profile, sorted(folder.glob("part-*.parquet")), version=1)
    signals = drift_report(profile, window.measured, window.score, Monitoring(), window.rows)
    print(
        json.dumps(
            {
                "rows": window.rows,
                "signals": len(signals),
                "log_cpu_s": logged_s,
                "monitor_cpu_s": time.process_time() - begun,
                "monitor_s": time.perf_counter() - wall,
                "log_bytes": sum(file.stat().st_size for file in folder.iterdir()),
                "peak_bytes": peak_bytes(),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
