"""The worker's process: a fork server with warm libraries, Prefect's polling, and the ledger told of every death."""

import argparse
import asyncio
import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from app.domain.processes import prepare
from app.domain.states import ServiceState
from app.services import infrastructure, runs
from app.services.workspaces import find_workspace, open_store


def main() -> None:
    """`python -m app.watcher.worker --workspace DIR`."""
    prepare(os.environ)
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", required=True, type=Path)
    workspace = find_workspace(Path.cwd(), named=parser.parse_args().workspace)
    os.environ["TRAINMASTER_PRELOAD"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.watcher.preload"])
    forkserver.ensure_running()  # it imports while this process does
    os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"  # for this process; the children's logs go there

    from app.orchestration.worker import ForkingWorker

    with open_store(workspace) as store:

        def on_end(flow_run_id: str, parameters: dict[str, Any], exit_code: int) -> None:
            runs.child_ended(store, flow_run_id, parameters.get("run"), exit_code)

        folder = workspace.logs / "runs"
        folder.mkdir(exist_ok=True, mode=0o700)
        worker = ForkingWorker(folder, context, on_end, limit=max(2, os.cpu_count() or 1))

        def on_ready() -> None:
            infrastructure.report(
                store,
                "worker",
                ServiceState.UP,
                os.getpid(),
                f"takes runs of {os.environ.get('PREFECT_API_URL', 'no server')}",
            )

        asyncio.run(worker.serve(on_ready))


if __name__ == "__main__":
    main()
