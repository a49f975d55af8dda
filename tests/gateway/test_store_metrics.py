"""What Prometheus scrapes of the store, the dashboard's queries, and a real Prometheus that asks them."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.domain.workspace import Workspace
from app.gateway.app import Gateway
from app.gateway.store_metrics import StoreMetrics
from app.machine.sampler import MachineSample
from app.services.monitoring import health
from app.services.monitoring.dashboard import dashboard, queries
from app.services.workspaces import now
from app.store.engine import Store
from app.store.reader import Reader
from tests.gateway.conftest import TOKEN
from tests.tui.seed import seed

WORD = re.compile(r"\btrainmaster_[a-z0-9_]+")
IDLE = MachineSample(10.0, (10.0,), 1 << 30, 4 << 30, 10 << 30, 100 << 30, 0.1)


def families(text: str) -> set[str]:
    """The names that samples of a metrics text may have."""
    declared = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    found = set(declared)
    for name, kind in declared.items():
        found |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else set()
    return found


@pytest.fixture
def watched(store: Store, workspace: Workspace) -> Store:
    """A store of a year's life, looked at once."""
    seed(store)
    health.look(store, workspace, sample=IDLE)
    health.beat(store, "watcher", moment=now(), late_s=60)
    return store


def test_every_query_of_the_dashboard_speaks_of_metrics_that_the_endpoint_has(
    watched: Store, workspace: Workspace
) -> None:
    gateway = Gateway(workspace, watched, token=TOKEN)
    text = (gateway.metrics.text() + gateway.store_metrics.text()).decode()

    known = families(text)

    assert len(queries()) > 20
    unknown = {word for query in queries() for word in WORD.findall(query)} - known
    assert unknown == set()
    assert json.loads(json.dumps(dashboard())) == dashboard()


def test_a_store_that_cannot_be_read_is_a_metric_and_no_failed_scrape(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no store at all" * 100)

    text = StoreMetrics(Reader.of_file(tmp_path / "store.db")).text().decode()

    assert "trainmaster_store_up 0.0" in text


def test_names_from_outside_stay_inside_their_label(store: Store, workspace: Workspace) -> None:
    seed(store, hostile=True)

    text = StoreMetrics(store.reader).text().decode()

    assert "trainmaster_store_up 1.0" in text
    assert all(line.startswith(("#", "trainmaster_")) for line in text.splitlines() if line)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def scraped(watched: Store, workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes a gateway with its token; gives Prometheus' address."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (.ci/packages)")
    gateway, port, own = Gateway(workspace, watched, token=TOKEN), free_port(), free_port()
    gateway.metrics.answered("flight-delay", 200, 0.004)
    server = uvicorn.Server(uvicorn.Config(gateway.asgi, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        "scrape_configs:\n"
        f"  - {{job_name: trainmaster, authorization: {{credentials_file: {tmp_path / 'token'}}}, "
        f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
    )
    started = subprocess.Popen(
        [
            program,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        started.kill()
        started.wait()
        server.should_exit = True
        thread.join(10)


def until(ask: Callable[[], Any], limit_s: float = 20) -> Any:
    """The first answer that says yes."""
    end = time.monotonic() + limit_s
    while True:
        try:
            if answer := ask():
                return answer
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


@pytest.mark.services
def test_a_real_prometheus_scrapes_it_with_the_token_and_answers_every_query(scraped: str) -> None:
    def ask(query: str) -> Any:
        answer = httpx.get(f"{scraped}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", f"{query}: {answer}"
        return answer["data"]["result"]

    until(lambda: ask('up{job="trainmaster"} == 1'))
    until(lambda: ask("count_over_time(trainmaster_store_up[1m]) > 2"))

    found = {query: ask(query) for query in queries()}

    empty = {query for query, result in found.items() if not result}
    assert len(empty) <= 5, empty  # nothing was dropped, no GPU, no 5xx, the disk does not fill, nothing is breached
    (critical,) = list(ask('trainmaster_alerts{severity="critical",state="open"}'))
    assert critical["value"][1] == "1"
