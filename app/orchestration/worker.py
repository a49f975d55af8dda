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
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun
from prefect.states import Pending
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from app.orchestration.child import run_child_process
from app.orchestration.deployments import POOL, WORKER_TYPE

POLL_S = 1.0
GRACE_S = 5.0
ENTRYPOINT_S = 60.0
Ended = Callable[[str, dict[str, Any], int], None]


class Result(BaseWorkerResult):
    """How a child ended."""


class ForkingWorker(BaseWorker[BaseJobConfiguration, BaseVariables, Result]):
    """Runs each flow run in an own forked child with an own log; `on_end` hears of every end, crashes too."""

    type = WORKER_TYPE
    job_configuration = BaseJobConfiguration
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
        self._cancelled: set[str] = set()
        self._entrypoints: dict[UUID, tuple[str, float]] = {}
        self._woken = asyncio.Event()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,  # noqa: ARG002
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> Result:
        """Fork a child for the flow run and wait for its end."""
        key = str(flow_run.id)
        arguments = (flow_run.model_dump_json(), await self._entrypoint_of(flow_run), str(self._logs / f"{key}.log"))
        child = self._context.Process(target=run_child_process, args=arguments, name=f"flow-{key}", daemon=False)
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

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Claim a flow run and run it: one request before the fork where Prefect's own way takes seven."""
        try:
            if not await self._propose_pending_state(flow_run):
                return
            flow_run.state = Pending()
            result = await self.run(flow_run, BaseJobConfiguration())
            if str(flow_run.id) in self._cancelled:
                await self._mark_flow_run_as_cancelled(flow_run, {"message": "cancelled by request"})
            elif result.status_code != 0:
                await self._propose_crashed_state(flow_run, f"its process ended with {result.status_code}")
        except Exception as error:
            self._logger.exception("flow run %s could not be run", flow_run.id)
            await self._propose_crashed_state(flow_run, f"it could not be run: {type(error).__name__}: {error}")
        finally:
            self._cancelled.discard(str(flow_run.id))
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _entrypoint_of(self, flow_run: FlowRun) -> str:
        """`module.attribute` of a flow run's deployment; read once a minute."""
        assert flow_run.deployment_id is not None
        moment = anyio.current_time()
        known = self._entrypoints.get(flow_run.deployment_id)
        if known is None or moment - known[1] > ENTRYPOINT_S:
            deployment = await self.client.read_deployment(flow_run.deployment_id)
            known = (deployment.entrypoint or "", moment)
            self._entrypoints[flow_run.deployment_id] = known
        return known[0]

    async def _cancel_run(self, flow_run_id: Any) -> None:
        """Prefect kills only pending runs by the worker; ours kills running ones as well."""
        child = self._children.get(str(flow_run_id))
        if child is not None:
            self._cancelled.add(str(flow_run_id))  # whoever waits for the child writes its end
            await anyio.to_thread.run_sync(_stop, child, GRACE_S)
            return
        flow_run = await self.client.read_flow_run(flow_run_id)
        if flow_run.state is not None and not flow_run.state.is_final():
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "cancelled by request"})

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
