"""What a forked child does: its own log, one Prefect flow run, and an exit code that tells a crash from an end."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.processes import prepare


def run_child_process(flow_run: str, entrypoint: str, log: str) -> None:
    """Run one flow run (as JSON) in this process; called in a fresh child of the fork server."""
    os.umask(0o077)
    handle = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    prepare(os.environ)
    _run(flow_run, entrypoint)


def _run(document: str, entrypoint: str) -> None:
    from prefect import flow_engine
    from prefect.client.schemas.objects import FlowRun
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import run_flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    if hasattr(flow_engine, "observe_flow_run_suspension"):
        # Our runs are never suspended; listening for it costs a thread and a websocket before the first task.
        flow_engine.observe_flow_run_suspension = _no_suspension
    module, _, name = entrypoint.rpartition(".")
    flow_run = FlowRun.model_validate_json(document)
    os.environ["PREFECT__FLOW_RUN_ID"] = str(flow_run.id)
    # Our lease is the sign of life; Prefect's would make each run wait up to a second for its thread to end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), handle_engine_signals(flow_run.id):
        flow = getattr(importlib.import_module(module), name)
        state = run_flow(flow, flow_run=flow_run, return_type="state")
        sys.stderr.write(f"ended: {getattr(state, 'name', state)}\n")


@contextmanager
def _no_suspension(*_arguments: object, **_options: object) -> Iterator[None]:
    yield
