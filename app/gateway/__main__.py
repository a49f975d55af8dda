"""`python -m app.gateway --workspace DIR`: serve the workspace until SIGTERM, on loopback unless told otherwise."""

import argparse
import gc
import json
import logging
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.errors import Refused, TrainmasterError
from app.domain.processes import prepare
from app.domain.workspace import Workspace

if TYPE_CHECKING:
    from app.gateway.settings import Settings

BACKLOG = 1024
SWITCH_S = 0.001
"""How long a thread beside the event loop may keep the interpreter."""
LOOKS = (10_000, 50, 50)
"""When the collector looks: after so many new objects, and how seldom at the older ones."""
log = logging.getLogger(__name__)


def main() -> int:
    """Run the gateway; exit code 0 after a clean end, 1 when it cannot start."""
    gc.disable()  # what imports make is no garbage: `settle` turns it on
    prepare(os.environ)
    parser = argparse.ArgumentParser(prog="python -m app.gateway", description=__doc__)
    parser.add_argument("--workspace", type=Path, help="the workspace's folder (else TRAINMASTER_WORKSPACE, or upward)")
    parser.add_argument("--port", type=int, help="the loopback port (else the one in ports.json)")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        return serve(chosen.workspace, chosen.port, worker=chosen.worker, socket_handle=chosen.socket)
    except TrainmasterError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def serve(folder: Path | None, port: int | None, *, worker: int | None = None, socket_handle: int | None = None) -> int:
    """Serve a workspace's active deployments; raises Refused for a token that others may read.

    With more than one of `[gateway] workers` this process only watches over them; `worker` is one of them, and takes
    connections from the listening socket `socket_handle` that it has inherited.
    """
    from app.gateway.settings import settings_of
    from app.services.workspaces import find_workspace

    workspace = find_workspace(Path.cwd(), named=folder)
    settings, token = settings_of(workspace), read_token(workspace)
    if worker is not None:
        with socket.socket(fileno=socket_handle) as listening:
            return answer(workspace, settings, token, listening, worker)
    chosen = port if port is not None else port_of(workspace)
    if not settings.is_loopback:
        log.warning("the gateway listens on %s: every machine that reaches it can try the token", settings.host)
    with listen(settings.host, chosen) as listening:
        clear(workspace)
        if settings.workers > 1:
            from app.gateway.workers import watch_over

            return watch_over(workspace, settings.workers, listening)
        return answer(workspace, settings, token, listening, 0)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises Refused when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio asks for the protocol
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Refused(f"{host}:{port} cannot be taken: {error.strerror}", next_step="trainmaster up") from None
    listening.listen(BACKLOG)
    return listening


def clear(workspace: Workspace) -> None:
    """Counting begins anew with a gateway; it goes on when one of its processes is started again."""
    for file in workspace.gateway.glob("worker-*.counters"):
        file.unlink(missing_ok=True)


def answer(workspace: Workspace, settings: "Settings", token: str, listening: socket.socket, worker: int) -> int:
    """Answer what comes in on a socket until SIGTERM."""
    import functools

    import uvicorn

    from app.gateway.app import Gateway
    from app.gateway.lane import Lane
    from app.services.workspaces import open_store

    # uvicorn ends gracefully and then raises the signal once more for whoever listened before it: this is a clean end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.setswitchinterval(SWITCH_S)
    with open_store(workspace) as store:
        counters = workspace.gateway / f"worker-{worker}.counters"
        gateway = Gateway(workspace, store, token=token, settings=settings, counters=counters, on_ready=settle)
        configuration = uvicorn.Config(
            gateway.asgi,
            http=functools.partial(Lane, gateway),  # type: ignore[arg-type]
            access_log=False,
            log_level="warning",
            server_header=False,
            lifespan="on",
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=int(settings.idle_s) or 1,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(configuration).run(sockets=[listening])
    return 0


def settle() -> None:
    """Libraries and models stay: looking for garbage among them would only hold up answers."""
    gc.freeze()
    gc.set_threshold(*LOOKS)
    gc.enable()


def read_token(workspace: Workspace) -> str:
    """The workspace's token; raises Refused when it is empty or open to other users."""
    file = workspace.token_file
    if not file.is_file() or not file.read_text().strip():
        raise Refused(f"there is no token in {file}", next_step="trainmaster up")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise Refused(f"other users may read {file}", next_step=f"chmod 600 {file}")
    return file.read_text().strip()


def port_of(workspace: Workspace) -> int:
    """The gateway's port in ports.json; raises Refused when there is none."""
    try:
        return int(json.loads(workspace.ports_file.read_text())["gateway"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused("ports.json names no port for the gateway", next_step="trainmaster up, or --port N") from None


if __name__ == "__main__":
    sys.exit(main())
