"""Hooks: told from rows, with a time limit and a retry; no address but an allowed one; nothing lost or blocked."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import update

from app.domain.project import Hook
from app.domain.states import Severity
from app.domain.workspace import Workspace
from app.services.monitoring import alerting, sending
from app.services.monitoring.alerting import Breach
from app.services.monitoring.sending import Message, Undelivered, check_address, deliver, send_waiting
from app.services.workspaces import now
from app.store.engine import Store
from app.store.queries.alerts import notices_of
from app.store.tables import Notice

MESSAGE = Message("opened", "p", "drift", "1 alert opened", ({"says": "\x1b[31mauc is bad"},))


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A webhook's other end; gives its address and what it was told. Paths: /redirect, /refuse, anything else."""
    told: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response({"/redirect": 302, "/refuse": 500}.get(self.path, 204))
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


def hook(**more: object) -> Hook:
    return Hook.model_validate(more)


def with_hook(workspace: Workspace, store: Store, toml: str) -> str:
    """A workspace with one hook and one alert that waits to be told; gives the alert."""
    workspace.marker.write_text(toml)
    from app.services.monitoring.rules import workspace_rules

    with store.write() as session:
        breach = Breach("machine.disk", "machine", Severity.CRITICAL, "92 % of the disk is in use")
        return alerting.open_alert(session, None, breach, workspace_rules(workspace), now()).key


def make_due(store: Store) -> None:
    with store.write() as session:
        session.connection().execute(update(Notice).values(next_at=now()))


def test_a_webhook_is_told_and_the_row_says_so(
    workspace: Workspace, store: Store, listener: tuple[str, list[bytes]]
) -> None:
    address, told = listener
    key = with_hook(
        workspace,
        store,
        f'[notifications]\nallow = ["{address}"]\n[alerts.hooks.chat]\nkind = "webhook"\nurl = "http://{address}/x"\n',
    )

    assert send_waiting(store, workspace) == 1
    assert send_waiting(store, workspace) == 0

    (body,) = told
    assert json.loads(body)["alerts"][0]["key"] == key
    (row,) = notices_of(store.reader, key)
    assert (row.state, row.tries, row.last_error) == ("sent", 1, "")


@pytest.mark.parametrize("path", ["/redirect", "/refuse"])
def test_a_redirect_is_not_followed_and_a_refusal_is_tried_again(
    workspace: Workspace, store: Store, listener: tuple[str, list[bytes]], path: str
) -> None:
    address, told = listener
    with_hook(
        workspace,
        store,
        f'[notifications]\nallow = ["127.0.0.1"]\n[alerts.hooks.chat]\nkind = "webhook"\n'
        f'url = "http://{address}{path}"\ntries = 2\n',
    )

    for _ in range(3):
        send_waiting(store, workspace)
        make_due(store)

    (row,) = notices_of(store.reader)
    assert (row.state, row.tries, len(told)) == ("given-up", 2, 2)
    assert "it answered" in row.last_error


def test_no_request_to_a_host_that_the_workspace_does_not_allow(
    workspace: Workspace, store: Store, listener: tuple[str, list[bytes]]
) -> None:
    address, told = listener
    with_hook(workspace, store, f'[alerts.hooks.chat]\nkind = "webhook"\nurl = "http://{address}/x"\n')

    send_waiting(store, workspace)

    (row,) = notices_of(store.reader)
    assert (row.state, told) == ("given-up", [])
    assert "not in [notifications] allow" in row.last_error
    for url in ("http://allowed.example@evil.example/", "http://evil.example#allowed.example", "ftp://allowed.example"):
        with pytest.raises(Undelivered):
            check_address(url, frozenset({"allowed.example"}))


def test_a_webhook_that_hangs_is_left_and_tried_again_while_others_go_on() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        with pytest.raises(Undelivered, match=r"Timeout|no answer"):
            deliver(
                hook(kind="webhook", url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.3),
                MESSAGE,
                allowed=frozenset({"127.0.0.1"}),
            )
        assert time.monotonic() - begun < 3


def test_a_host_that_drips_byte_by_byte_is_left_too() -> None:
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()

        def drip() -> None:
            peer, _ = slow.accept()
            with peer:
                for _ in range(40):
                    peer.send(b"H")
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(Undelivered):
            deliver(
                hook(kind="webhook", url=f"http://127.0.0.1:{slow.getsockname()[1]}/", timeout_s=0.3),
                MESSAGE,
                allowed=frozenset({"127.0.0.1"}),
            )
        assert time.monotonic() - begun < 3


def test_a_command_gets_the_alert_on_its_input_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "$(told)"

    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"

    deliver(hook(kind="command", command=[sys.executable, "-c", program, str(out)]), MESSAGE, allowed=frozenset())

    assert json.loads(out.read_text())["title"] == "1 alert opened"


def test_a_command_that_fails_hangs_or_is_absent_says_so() -> None:
    for command, says in (
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "raise SystemExit('no room')"], "ended with 1: no room"),
        ([sys.executable, "-c", "import time; time.sleep(9)"], "more than 0.5 s"),
    ):
        with pytest.raises(Undelivered, match=says):
            deliver(hook(kind="command", command=command, timeout_s=0.5), MESSAGE, allowed=frozenset())


def test_a_desktop_notice_is_an_argument_and_never_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {tmp_path}/shown\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    deliver(hook(kind="desktop"), MESSAGE, allowed=frozenset())

    shown = (tmp_path / "shown").read_text()
    assert shown.startswith("--app-name=Trainmaster|--|1 alert opened|")
    assert "\x1b" not in shown


def test_an_alert_that_comes_while_a_hook_is_told_is_told_next(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_hook(workspace, store, '[alerts.hooks.desk]\nkind = "command"\ncommand = ["true"]\n')
    from app.services.monitoring.rules import workspace_rules

    told: list[list[object]] = []

    def tell(_hook: Hook, message: Message, *, allowed: frozenset[str]) -> None:
        if not told:
            with store.write() as session:
                breach = Breach("machine.memory", "machine", Severity.WARNING, "memory")
                alerting.open_alert(session, None, breach, workspace_rules(workspace), now())
        told.append([alert["signal"] for alert in message.alerts])

    monkeypatch.setattr(sending, "deliver", tell)

    send_waiting(store, workspace)

    assert told == [["machine.disk"], ["machine.memory"]]


def test_what_was_to_be_told_under_a_clock_that_ran_ahead_is_told_now(workspace: Workspace, store: Store) -> None:
    with_hook(workspace, store, '[alerts.hooks.desk]\nkind = "command"\ncommand = ["true"]\n')
    ahead = now() + timedelta(days=900)
    with store.write() as session:
        session.connection().execute(update(Notice).values(next_at=ahead, created_at=ahead))

    assert (send_waiting(store, workspace), send_waiting(store, workspace)) == (1, 0)


@pytest.mark.faults
def test_a_notifier_that_is_killed_while_it_tells_loses_nothing(workspace: Workspace, store: Store) -> None:
    mark = workspace.root / "told"
    body = f"import time; open({str(mark)!r}, 'a').write('x'); time.sleep(20)"
    command = json.dumps([sys.executable, "-c", body])
    with_hook(workspace, store, f'[alerts.hooks.desk]\nkind = "command"\ntimeout_s = 30\ncommand = {command}\n')
    program = (
        "import sys; from pathlib import Path; from app.domain.workspace import Workspace; "
        "from app.services.workspaces import open_store; from app.services.monitoring.sending import send_waiting\n"
        "w = Workspace(Path(sys.argv[1]))\nwith open_store(w) as s: send_waiting(s, w)"
    )
    started = subprocess.Popen([sys.executable, "-c", program, str(workspace.root)])
    until = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < until:
        time.sleep(0.05)
    started.kill()
    started.wait()

    (row,) = notices_of(store.reader)
    assert (row.state, row.tries) == ("waiting", 1)
    workspace.marker.write_text('[alerts.hooks.desk]\nkind = "command"\ncommand = ["true"]\n')
    assert send_waiting(store, workspace) == 0  # it still belongs to the process that died
    make_due(store)
    assert send_waiting(store, workspace) == 1
