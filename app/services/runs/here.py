"""Running a flow with no services: a child process of ours, no server, the same ledger."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

from app.domain.processes import prepare
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.services import infrastructure
from app.services.running import register_project
from app.services.runs.ending import HERE, end
from app.services.runs.following import POLL_S, row_of
from app.services.workspaces import actor, now, open_project
from app.store import ledger
from app.store.engine import Store
from app.store.queries.runs import RunRow


def run_here(
    store: Store,
    workspace: Workspace,
    project: str,
    flow: str,
    parameters: Mapping[str, object] | None = None,
    on_progress: Callable[[RunRow], None] | None = None,
    *,
    cause: CauseKind = CauseKind.PERSON,
    cause_key: str | None = None,
    module: str | None = None,
) -> str:
    """Execute a flow in a child process (`python -m flows.FLOW`) and give the run's key when it has ended.

    Without `on_progress` the child shows its own progress on stderr. How the run ended stands in its row; a child that
    dies leaves it crashed. Raises NotFound or BadInput when the project cannot be opened.
    """
    project_id = register_project(store, open_project(workspace, project))
    with store.write() as session:
        run = ledger.request_run(
            session,
            flow=flow,
            project_id=project_id,
            requested_by=actor(),
            now=now(),
            cause=cause,
            cause_key=cause_key,
            parameters=parameters,
        )
        run.prefect_id = HERE
    command = [sys.executable, "-m", module or f"flows.{flow}", "--project", project, "--run", run.key]
    command += ["--workspace", str(workspace.root), "--cause", str(cause)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    prepare(environment)
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if on_progress is None else said,
            cwd=workspace.root,
            env=infrastructure.importable(environment),
        )
        try:
            _follow(store, run.key, child, on_progress)
        except BaseException:
            child.send_signal(signal.SIGINT)
            child.wait(timeout=15)
            raise
        finally:
            said.seek(0)
            _settle(store, run.key, child, said.read().decode("utf-8", "replace"))
    return run.key


def _follow(
    store: Store, key: str, child: "subprocess.Popen[bytes]", on_progress: Callable[[RunRow], None] | None
) -> None:
    told = None
    while child.poll() is None:
        if on_progress is not None:
            row = row_of(store, key)
            if row != told:
                on_progress(row)
            told = row
        time.sleep(POLL_S)
    if on_progress is not None:
        on_progress(row_of(store, key))


def _settle(store: Store, key: str, child: "subprocess.Popen[bytes]", said: str) -> None:
    if child.poll() is None or RunState(row_of(store, key).state).ended:
        return
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    lines = [line for line in said.splitlines() if line.strip()]
    end(
        store,
        key,
        RunState.CRASHED,
        f"its process ended ({how})" + (f": {lines[-1][:300]}" if lines else ""),
        f"trainmaster runs logs {key}",
    )
