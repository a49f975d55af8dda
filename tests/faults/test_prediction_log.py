"""`kill -9` of the process that writes the prediction log, at any moment: every part that is there is whole."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

WRITE = """
import sys, time
from pathlib import Path
from app.gateway.log import PredictionLog
from app.gateway.parts import Answered
from app.services.serving import ActiveDeployment

log = PredictionLog(Path(sys.argv[1]), flush_s=0.001)
log.start()
deployment = ActiveDeployment("d1", "flight-delay", "flight-delay", 1, 1, "a" * 64, 4)
print("begun", flush=True)
while True:
    log.take(Answered("r1", time.time(), deployment, b'{"hour":1}', [0.5]))
    time.sleep(0.0002)
"""


@pytest.mark.faults
def test_no_part_is_ever_half_written(tmp_path: Path) -> None:
    parts = 0
    for round_ in range(12):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        until = time.monotonic() + 20
        while not list(tmp_path.rglob("part-*.parquet")) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.01 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        for part in tmp_path.rglob("part-*.parquet"):
            assert pyarrow.parquet.read_table(part).num_rows >= 1
            parts += 1
            part.unlink()
    assert parts >= 12
