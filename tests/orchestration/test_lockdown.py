"""The orchestrator listens to nobody but us."""

import stat

import httpx
import psutil
import pytest

from app.orchestration.ports import port_of
from app.services import infrastructure
from tests.live import Live

pytestmark = pytest.mark.services


def test_without_the_token_the_server_refuses_everything(live: Live) -> None:
    url = f"http://127.0.0.1:{port_of(live.workspace, 'orchestrator')}/api"

    answers = [
        httpx.post(f"{url}/flow_runs/filter", json={}),
        httpx.get(f"{url}/admin/version"),
        httpx.get(f"{url}/admin/version", headers={"Authorization": "Basic eDp5"}),
        httpx.post(f"{url}/flows/", content='{"name": "x"}', headers={"content-type": "text/plain"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 401, 401, 403]


def test_a_foreign_web_page_gets_no_cors_header(live: Live) -> None:
    url = f"http://127.0.0.1:{port_of(live.workspace, 'orchestrator')}/api/flows/filter"
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    preflight = httpx.options(url, headers=asks)
    answer = httpx.get(url.replace("flows/filter", "health"), headers={"Origin": "https://evil.example"})

    assert preflight.headers.get("access-control-allow-origin") not in ("*", "https://evil.example")
    assert answer.headers.get("access-control-allow-origin") not in ("*", "https://evil.example")


def test_a_change_without_a_csrf_token_is_refused_even_with_the_password(live: Live) -> None:
    url = f"http://127.0.0.1:{port_of(live.workspace, 'orchestrator')}/api"
    name, _, token = f"trainmaster:{live.workspace.token_file.read_text().strip()}".partition(":")

    answer = httpx.post(f"{url}/flows/", json={"name": "forged"}, auth=(name, token))

    assert answer.status_code == 403


def test_everything_on_disk_is_the_owners_alone(live: Live) -> None:
    state = live.workspace.state

    open_to_others = [
        path
        for path in [state, *state.rglob("*")]
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]

    inside_closed_folder = stat.S_IMODE(state.stat().st_mode) == 0o700
    assert inside_closed_folder
    assert [path for path in open_to_others if path.suffix == ".db" or path.name in ("token", "ports.json")] == []
    assert [path for path in open_to_others if state / "prefect" in path.parents] == []


def test_services_listen_on_loopback_only(live: Live) -> None:
    pids = [found.pid for found in infrastructure.status(live.store) if found.pid is not None]

    listening = [
        connection.laddr.ip
        for pid in pids
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert set(listening) == {"127.0.0.1"}
