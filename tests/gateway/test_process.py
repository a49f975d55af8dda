"""The gateway as a process of its own, on loopback."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest

from app.domain.errors import BadInput, NotFound, Refused, Unavailable
from app.domain.workspace import Workspace
from app.gateway.__main__ import read_token
from app.services import serving
from tests.gateway.conftest import RECORD, Promote, package

START_S = 30


def wait_until(condition: object, limit_s: float = START_S) -> None:
    until = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


@pytest.fixture
def process(workspace: Workspace, promote: Promote) -> Iterator[subprocess.Popen[bytes]]:
    """A running gateway with version 1 in production."""
    promote(1, package(0.25))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    workspace.ports_file.write_text(json.dumps({"gateway": port}))
    started = subprocess.Popen(
        [sys.executable, "-m", "app.gateway", "--workspace", str(workspace.root)], stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: started.poll() is not None or serving.health(workspace).ready)
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.services
def test_it_answers_swaps_flushes_and_ends_cleanly(
    process: subprocess.Popen[bytes], workspace: Workspace, promote: Promote
) -> None:
    first = serving.ask(workspace, "flight-delay", [RECORD])
    begun = time.monotonic()
    promote(2, package(0.75))
    wait_until(lambda: serving.ask(workspace, "flight-delay", [RECORD])["version"] == 2, 5)
    swap_s = time.monotonic() - begun
    health = serving.health(workspace)

    process.send_signal(signal.SIGTERM)

    assert first["predictions"] == [pytest.approx(0.25)]
    assert swap_s < 2
    assert health.up
    assert health.predictions == health.requests >= 2
    assert health.p50_ms is not None
    assert process.wait(15) == 0
    rows = [
        row
        for part in workspace.predictions.rglob("part-*.parquet")
        for row in pyarrow.parquet.read_table(part).to_pylist()
    ]
    assert len(rows) == health.predictions
    assert {row["version"] for row in rows} == {1, 2}


@pytest.mark.services
def test_swaps_under_load_drop_and_mix_nothing(
    process: subprocess.Popen[bytes], workspace: Workspace, promote: Promote
) -> None:
    says = {1: 0.25, 2: 0.75}
    promote(2, package(says[2]))
    ended, seen = threading.Event(), []

    def ask_on() -> None:
        token, port = workspace.token_file.read_text().strip(), int(serving.gateway_url(workspace).rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        while not ended.is_set():
            connection.request("POST", "/predict/flight-delay", json.dumps(RECORD), headers)
            answer = connection.getresponse()
            seen.append((answer.status, json.loads(answer.read())))
            time.sleep(0.004)
        connection.close()

    threads = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    for version in (1, 2) * 4:
        time.sleep(0.3)
        promote(version)
    ended.set()
    for thread in threads:
        thread.join()

    assert {status for status, _ in seen} == {200}
    assert {answer["version"] for _, answer in seen} == {1, 2}
    assert [a for _, a in seen if a["predictions"] != [pytest.approx(says[a["version"]])]] == []
    assert len(seen) > 100
    assert process.poll() is None


@pytest.mark.services
def test_the_client_says_what_was_wrong(process: subprocess.Popen[bytes], workspace: Workspace) -> None:
    with pytest.raises(BadInput, match="missing") as missing:
        serving.ask(workspace, "flight-delay", [{"hour": 1}])
    with pytest.raises(NotFound):
        serving.ask(workspace, "unknown", [RECORD])

    assert missing.value.where == "record 0 field carrier"
    assert process.poll() is None


@pytest.mark.services
def test_it_listens_on_loopback_only_and_needs_the_token(
    process: subprocess.Popen[bytes], workspace: Workspace
) -> None:
    url = serving.gateway_url(workspace)

    answers = [
        httpx.get(f"{url}/health").status_code,
        httpx.get(f"{url}/metrics").status_code,
        httpx.get(f"{url}/health", headers={"host": "evil.example"}).status_code,
    ]

    assert answers == [200, 401, 421]
    assert process.poll() is None
    listening = Path(f"/proc/{process.pid}/net/tcp")
    if listening.exists():
        port = int(url.rpartition(":")[2])
        local = [line.split()[1] for line in listening.read_text().splitlines()[1:]]
        assert {place for place in local if place.endswith(f":{port:04X}")} == {f"0100007F:{port:04X}"}


def test_a_gateway_that_was_never_started_is_down_with_a_next_step(workspace: Workspace) -> None:
    health = serving.health(workspace)

    assert not health.up
    assert "never started" in health.says
    with pytest.raises(Unavailable):
        serving.ask(workspace, "flight-delay", [RECORD])


def test_a_token_that_others_may_read_is_refused(workspace: Workspace) -> None:
    assert len(read_token(workspace)) > 20
    workspace.token_file.chmod(0o644)

    with pytest.raises(Refused, match="other users"):
        read_token(workspace)

    os.truncate(workspace.token_file, 0)
    with pytest.raises(Refused, match="no token"):
        read_token(workspace)
