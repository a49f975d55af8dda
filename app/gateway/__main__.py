"""`python -m app.gateway --workspace DIR`: serve the workspace on loopback until SIGTERM."""

import argparse
import json
import logging
import os
import signal
import stat
import sys
from pathlib import Path

from app.domain.errors import Refused, TrainmasterError
from app.domain.processes import prepare
from app.domain.workspace import Workspace


def main() -> int:
    """Run the gateway; exit code 0 after a clean end, 1 when it cannot start."""
    prepare(os.environ)
    parser = argparse.ArgumentParser(prog="python -m app.gateway", description=__doc__)
    parser.add_argument("--workspace", type=Path, help="the workspace's folder (else TRAINMASTER_WORKSPACE, or upward)")
    parser.add_argument("--port", type=int, help="the loopback port (else the one in ports.json)")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        return serve(chosen.workspace, chosen.port)
    except TrainmasterError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def serve(folder: Path | None, port: int | None) -> int:
    """Serve a workspace's active deployments; raises Refused for a token that others may read."""
    import uvicorn

    from app.gateway.app import Gateway
    from app.services.workspaces import find_workspace, open_store

    workspace = find_workspace(Path.cwd(), named=folder)
    token = read_token(workspace)
    chosen = port if port is not None else port_of(workspace)
    # uvicorn ends gracefully and then raises the signal once more for whoever listened before it: this is a clean end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open_store(workspace) as store:
        gateway = Gateway(workspace, store, token=token)
        uvicorn.run(
            gateway.asgi,
            host="127.0.0.1",
            port=chosen,
            access_log=False,
            log_level="warning",
            server_header=False,
            lifespan="on",
            ws="none",
            limit_concurrency=512,
            backlog=512,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
        )
    return 0


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
