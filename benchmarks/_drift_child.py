"""Our side of the drift benchmarks, in a process of its own: `profile`, `speed` or `alarms`; prints JSON."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

from app.domain.problem import Task
from app.domain.project import Monitoring, canonical_json
from app.monitoring.profiling import Column, Judged, exam_profile, features_profile
from app.monitoring.reference import parse_profile
from app.monitoring.report import drift_report, measure
from benchmarks.peers.peak import peak_bytes

TURNS = 3


def keep_profile(reference: str, out: str) -> None:
    """The profile that a training on these rows would keep."""
    frame = pd.read_parquet(reference)
    columns = []
    for name in frame:
        if pd.api.types.is_numeric_dtype(frame[name]):
            columns.append(Column(str(name), frame[name].to_numpy(float, na_value=np.nan)))
        else:
            codes, words = pd.factorize(frame[name])
            places = np.where(codes < 0, np.nan, codes.astype(float))
            columns.append(Column(str(name), places, tuple(str(word) for word in words)))
    nothing = np.empty(0)
    exam = exam_profile(Task.REGRESSION, Judged(nothing, nothing, nothing))
    Path(out).write_bytes(canonical_json({**features_profile(columns, None), **exam}).encode())


def speed(profile: str, window: str) -> None:
    """Seconds of all statistics with their limits, of one sort or count a column, and peak memory."""
    schema, columns = pyarrow.parquet.read_schema(window), {}
    words = [name for name in schema.names if not pyarrow.types.is_floating(schema.field(name).type)]
    file = pyarrow.parquet.ParquetFile(window, read_dictionary=words)  # as a window comes from the offline store
    for name in schema.names:  # column by column: never the window twice
        columns[name] = file.read(columns=[name], use_threads=False)[name].to_pandas()
        pyarrow.default_memory_pool().release_unused()
    frame = pd.DataFrame(columns, copy=False)
    del columns
    kept = Path(profile).read_bytes()

    def check() -> None:
        known = parse_profile(kept)
        drift_report(known, measure(known, frame), None, Monitoring(), len(frame))

    seconds = _best(check)
    peak = peak_bytes()

    def floor() -> None:
        for name in frame:
            if frame[name].dtype == np.float64:
                np.sort(frame[name].to_numpy())
            else:
                frame[name].value_counts()

    print(json.dumps({"seconds": seconds, "floor_seconds": _best(floor), "peak_bytes": peak}))


def alarms(profile: str, folder: str, *rates: str) -> None:
    """By false-alarm rate and window file, the columns that pass a limit."""
    known = parse_profile(Path(profile).read_bytes())
    found: dict[str, dict[str, list[str]]] = {rate: {} for rate in rates}
    for file in sorted(Path(folder).glob("*.parquet")):
        frame = pd.read_parquet(file)
        measured = measure(known, frame)
        for rate in rates:
            signals = drift_report(known, measured, None, Monitoring(false_alarm_rate=float(rate)), len(frame))
            found[rate][file.stem] = sorted({one.feature for one in signals if one.breached and one.feature})
    print(json.dumps(found))


def _best(work: Callable[[], object]) -> float:
    """The fastest of a few: the machine may be shared."""
    seconds = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


if __name__ == "__main__":
    {"profile": keep_profile, "speed": speed, "alarms": alarms}[sys.argv[1]](*sys.argv[2:])
