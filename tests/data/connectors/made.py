"""Projects with one source, and small servers on loopback for it to read."""

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.domain.workspace import Workspace
from app.services.data import Ingested
from app.services.workspaces import OpenProject, open_project
from app.store.engine import Store
from tests.services.made import take_in

HEAD = """
name = "shop"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "ana"
[problem]
task = "binary"
target = "late"
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
[sources.orders]
"""


def shop(workspace: Workspace, source: str) -> OpenProject:
    """A project whose source `orders` is declared as written."""
    folder = workspace.project_folder("shop")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.toml").write_text(HEAD + source)
    (folder / "features.py").write_text("def labelled(orders):\n    return orders\n")
    return open_project(workspace, "shop")


def orders(store: Store, project: OpenProject) -> Ingested:
    """Ingest the source once."""
    (taken,) = take_in(store, project, "orders")
    return taken


def source_row(store: Store) -> dict[str, object]:
    """The newest snapshot's digest, rows and watermark."""
    row = store.reader.one("SELECT digest, rows, watermark FROM snapshot ORDER BY id DESC LIMIT 1")
    assert row is not None
    return row


def log_of(store: Store) -> list[str]:
    """Every line of every run's log."""
    return [row["says"] for row in store.reader.rows("SELECT says FROM log_line ORDER BY run_id, seq")]


@dataclass
class Web:
    """What a small HTTP server answers: content by path; `status` for the next answers; `cut` ends a body early."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: list[int] = field(default_factory=list)
    cut: bool = False
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def web() -> Iterator[Web]:
    """An HTTP server on loopback."""
    told = Web()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            return

        def _answer(self, *, with_body: bool) -> None:
            told.asked.append(f"{self.command} {self.path}")
            told.headers.append(dict(self.headers.items()))
            status = told.status.pop(0) if told.status else 200
            content = told.files.get(self.path.partition("?")[0])
            self.send_response(404 if content is None else status)
            if content is not None and status == 200:
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{hash(content)}"')
            else:
                content = b""
                self.send_header("Content-Length", "0")
            self.end_headers()
            if with_body:
                self.wfile.write(content[: len(content) // 2] if told.cut else content)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def speaker(*messages: bytes, unix: str | None = None) -> Iterator[str]:
    """A socket server that says one message to each connection, then closes it; gives its address as a stream."""
    listening = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(unix or ("127.0.0.1", 0))
    listening.listen()

    def speak() -> None:
        with contextlib.suppress(OSError):
            for message in messages:
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(message)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield f"unix:{unix}" if unix else f"tcp://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
