"""The protocols' own client libraries score against a running gateway."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.domain.workspace import Workspace
from app.services import serving
from tests.gateway.conftest import Promote, package

pytestmark = pytest.mark.services


@pytest.fixture
def port(workspace: Workspace, promote: Promote) -> Iterator[int]:
    """A gateway as a process of its own, on this loopback port."""
    promote(1, package(0.25))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = int(probe.getsockname()[1])
    workspace.ports_file.write_text(json.dumps({"gateway": found}))
    process = subprocess.Popen([sys.executable, "-m", "app.gateway", "--workspace", str(workspace.root)])
    try:
        until = time.monotonic() + 30
        while not serving.health(workspace).ready:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield found
    finally:
        process.kill()
        process.wait()


def test_the_mlflow_client_scores(port: int, workspace: Workspace) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    token = workspace.token_file.read_text().strip()
    client: Any = ScoringServerClient(f"any:{token}@127.0.0.1", port)  # type: ignore[no-untyped-call]
    frame = pd.DataFrame({"hour": [9.0, 10.5], "carrier": ["AA", "never seen"]})

    client.wait_server_ready(timeout=10)
    answer = client.invoke(frame)

    assert client.get_version().startswith("trainmaster ")
    assert answer.get_predictions().iloc[:, 0].tolist() == [pytest.approx(0.25)] * 2


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_http_client_scores(port: int, workspace: Workspace, binary: bool) -> None:
    from tritonclient import http

    headers = {"authorization": f"Bearer {workspace.token_file.read_text().strip()}"}
    client = http.InferenceServerClient(f"127.0.0.1:{port}")
    hour, carrier = http.InferInput("hour", [2], "FP32"), http.InferInput("carrier", [2], "BYTES")
    hour.set_data_from_numpy(np.array([9.0, 10.0], dtype=np.float32), binary_data=binary)
    carrier.set_data_from_numpy(np.array(["AA", "UA"], dtype=np.object_), binary_data=binary)

    ready = client.is_server_ready(headers=headers), client.is_model_ready("flight-delay", headers=headers)
    metadata = client.get_model_metadata("flight-delay", headers=headers)
    answer = client.infer("flight-delay", [hour, carrier], headers=headers, request_id="mine")

    assert ready == (True, True)
    assert [one["name"] for one in metadata["inputs"]] == ["hour", "carrier"]
    assert answer.as_numpy("predict").tolist() == [pytest.approx(0.25)] * 2
    assert answer.get_response()["id"] == "mine"
    client.close()
