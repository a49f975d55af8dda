"""A Prefect worker whose runs start in milliseconds: each is a child forked from a server that imported the libraries.

Prefect's own process worker starts an interpreter a run (5-8 s); a forked child reaches its first task in a fraction of
a second. Waking is by SIGUSR1, so that a request does not wait for the next poll.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import InfrastructureNotFound
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import PrivateAttr

from app.orchestration.child import run_child_process
from app.orchestration.deployments import POOL, WORKER_TYPE

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Flow, WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

POLL_S = 1.0
GRACE_S = 5.0
Ended = Callable[[str, dict[str, Any], int], None]


class Job(BaseJobConfiguration):
    """What a child must know: the entry point of its flow."""

    _entrypoint: str = PrivateAttr(default="")

    @property
    def entrypoint(self) -> str:
        """`module.attribute` of the flow."""
        return self._entrypoint

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: "DeploymentResponse | None" = None,
        flow: "Flow | None" = None,
        work_pool: "WorkPool | None" = None,
        worker_name: str | None = None,
        worker_id: Any = None,
    ) -> None:
        """Take the entry point from the deployment."""
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        self._entrypoint = (deployment.entrypoint if deployment else None) or ""


class Result(BaseWorkerResult):
    """How a child ended."""


class ForkingWorker(BaseWorker[Job, BaseVariables, Result]):
    """Runs each flow run in an own forked child with an own log; `on_end` hears of every end, crashes too."""

    type = WORKER_TYPE
    job_configuration = Job
    job_configuration_variables = BaseVariables

    def __init__(self, logs: Path, context: ForkServerContext, on_end: Ended, *, limit: int) -> None:
        super().__init__(
            work_pool_name=POOL,
            name=f"trainmaster-{os.getpid()}",
            prefetch_seconds=0,
            limit=limit,
            heartbeat_interval_seconds=10,
        )
        self._logs = logs
        self._context = context
        self._on_end = on_end
        self._children: dict[str, ForkServerProcess] = {}
        self._woken = asyncio.Event()

    async def run(
        self, flow_run: FlowRun, configuration: Job, task_status: anyio.abc.TaskStatus[int] | None = None
    ) -> Result:
        """Fork a child for the flow run and wait for its end."""
        key = str(flow_run.id)
        log = self._logs / f"{key}.log"
        child = self._context.Process(
            target=run_child_process, args=(key, configuration.entrypoint, str(log)), name=f"flow-{key}", daemon=False
        )
        await anyio.to_thread.run_sync(child.start)  # waits while the fork server still imports
        self._children[key] = child
        if task_status is not None:
            task_status.started(child.pid or 0)
        try:
            await anyio.to_thread.run_sync(child.join, abandon_on_cancel=True)
        finally:
            self._children.pop(key, None)
        code = child.exitcode if child.exitcode is not None else 1
        await anyio.to_thread.run_sync(self._on_end, key, dict(flow_run.parameters), code)
        return Result(status_code=code, identifier=str(child.pid))

    async def kill_infrastructure(self, infrastructure_pid: str, configuration: Job, grace_seconds: int = 30) -> None:  # noqa: ARG002
        """End the child of a cancelled flow run."""
        child = next((c for c in self._children.values() if str(c.pid) == infrastructure_pid), None)
        if child is None:
            raise InfrastructureNotFound(f"no child {infrastructure_pid} here")
        await anyio.to_thread.run_sync(_stop, child, min(float(grace_seconds), GRACE_S))

    async def _cancel_run(self, flow_run_id: Any) -> None:
        """Prefect kills only pending runs by the worker; ours kills running ones as well."""
        child = self._children.get(str(flow_run_id))
        if child is not None:
            await anyio.to_thread.run_sync(_stop, child, GRACE_S)
        flow_run = await self.client.read_flow_run(flow_run_id)
        if flow_run.state is not None and not flow_run.state.is_final():
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "cancelled by request"})

    async def _give_worker_labels_to_flow_run(self, flow_run_id: Any) -> None:
        """Leave out a request that nobody reads, on the way to the first task."""

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave out a state that would last for milliseconds."""

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Poll until SIGTERM; SIGUSR1 polls at once. Children that still run are left to their own leases."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._woken.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with self:
            async with anyio.create_task_group() as group:
                group.start_soon(self._poll, stop)
                group.start_soon(self._sync, stop, on_ready)
                await stop.wait()
                group.cancel_scope.cancel()
            assert self._runs_task_group is not None
            self._runs_task_group.cancel_scope.cancel()

    async def _poll(self, stop: asyncio.Event) -> None:
        pause_s = POLL_S
        while not stop.is_set():
            self._woken.clear()
            try:
                await self.get_and_submit_flow_runs()
                pause_s = POLL_S
            except Exception as error:
                self._logger.warning("the orchestrator does not answer (%s); trying again", type(error).__name__)
                pause_s = min(pause_s * 2, 10.0)
            with anyio.move_on_after(pause_s):
                await self._woken.wait()

    async def _sync(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        ready = False
        while not stop.is_set():
            try:
                await self._sync_and_initialize()
            except Exception as error:
                self._logger.warning("heartbeat failed (%s); trying again", type(error).__name__)
            if self._has_successfully_synced and not ready:
                ready = True
                on_ready()
            await anyio.sleep(self.heartbeat_interval_seconds if ready else 0.5)


def _stop(child: ForkServerProcess, grace_s: float) -> None:
    child.terminate()
    child.join(grace_s)
    if child.is_alive():
        child.kill()
        child.join(5)
