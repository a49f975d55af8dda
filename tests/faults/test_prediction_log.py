"""`kill -9` of a process that logs predictions, or of its writer, at any moment: parts are whole, nothing is lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet
import pytest

ROUNDS = 12
LOG = """
import signal, sys, time
from pathlib import Path
from app.gateway.log import PredictionLog
from app.gateway.parts import Answered, Deployed

ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
log = PredictionLog(Path(sys.argv[1]), flush_s=0.02)
log.start()
while log.writer_pid is None:
    time.sleep(0.001)
by = Deployed("flight-delay", "flight-delay", 1, 4, "d1")
print(log.writer_pid, flush=True)
taken = 0
while not ended:
    taken += log.take(Answered(str(taken), time.time(), by, 1, b'{"hour":1}', b"[0.5]"))
    print(taken, flush=True)
    time.sleep(0.0005)
log.close()
"""


@pytest.mark.faults
@pytest.mark.parametrize("victim", ["the one that logs", "its writer"])
def test_every_part_is_whole_and_what_was_taken_is_there(tmp_path: Path, victim: str) -> None:
    for round_ in range(ROUNDS):
        folder, out = tmp_path / f"{round_}", tmp_path / f"{round_}.txt"
        with out.open("wb") as told:
            process = subprocess.Popen([sys.executable, "-c", LOG, str(folder)], stdout=told)
        until = time.monotonic() + 20
        while not list(folder.rglob("part-*.parquet")) and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(0.007 * round_)
        writer = int(out.read_text().partition("\n")[0])
        if victim == "its writer":
            os.kill(writer, signal.SIGKILL)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
        else:
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        taken = int(out.read_text().rpartition("\n")[0].rpartition("\n")[2])
        while victim != "its writer" and psutil.pid_exists(writer) and time.monotonic() < until:
            time.sleep(0.01)

        found = [
            int(one)
            for part in folder.rglob("part-*.parquet")
            for one in pyarrow.parquet.read_table(part)["request_id"].to_pylist()
        ]

        assert len(set(found)) == len(found)
        if victim == "its writer":
            assert sorted(found) == list(range(taken))
        else:  # the last moment was not handed over yet; what was is there without a gap
            assert sorted(found) == list(range(len(found)))
            assert len(found) > 0
