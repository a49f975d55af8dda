"""What every flow is made of: stages that write ledger rows, under Prefect as tasks and without any server as calls.

@stage("fit")
def fit(task: TaskContext) -> str: ...

@flow("train", stages=1)
def train(run: RunContext) -> dict[str, object]:
    return {"model": fit(run)}

if __name__ == "__main__":
    main(train)
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from app.domain.errors import Busy, TrainmasterError, Unavailable
from app.domain.processes import end_quickly, imported, prepare
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.services.running import Cancelled, RunContext, TaskContext, first_line, running
from app.services.workspaces import OpenProject, find_workspace, now, open_project, open_store
from app.store import ledger
from app.store.engine import Store

P = ParamSpec("P")
R = TypeVar("R")
Body = Callable[[RunContext], dict[str, object]]
Hook = Callable[[RunContext], None]


def stage(
    name: str, retries: int = 0
) -> Callable[[Callable[Concatenate[TaskContext, P], R]], Callable[Concatenate[RunContext, P], R]]:
    """Make a stage: called with the run, its function receives the task; every try writes its own row.

    A refusal (a TrainmasterError that is neither Busy nor Unavailable) is final; other errors are tried `retries` times
    again.
    """

    def decorate(function: Callable[Concatenate[TaskContext, P], R]) -> Callable[Concatenate[RunContext, P], R]:
        @wraps(function)
        def call(run: RunContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
            def once() -> R:
                with run.task(name) as task:
                    return function(task, *args, **kwargs)

            return _as_prefect_task(name, once, retries) if inside_prefect() else _plainly(once, retries)

        return call

    return decorate


def inside_prefect() -> bool:
    """Whether this call happens in a Prefect flow run; never imports Prefect by itself."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def may_retry(error: BaseException) -> bool:
    """Whether the same try may end otherwise a second time.

    >>> from app.domain.errors import Refused
    >>> may_retry(OSError("reset")), may_retry(Busy("held")), may_retry(Refused("no"))
    (True, True, False)
    """
    return isinstance(error, Busy | Unavailable) or not isinstance(error, TrainmasterError)


def _plainly(once: Callable[[], R], retries: int) -> R:
    for _ in range(retries):
        try:
            return once()
        except Exception as error:
            if not may_retry(error):
                raise
    return once()


def _as_prefect_task(name: str, once: Callable[[], R], retries: int) -> R:
    """Run as a Prefect task that takes and gives nothing: Prefect walks through arguments and results, frames too."""
    from prefect import Task
    from prefect.cache_policies import NO_CACHE

    results: list[R] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(once())
        except Exception as error:
            errors.append(error)
            raise

    Task(
        body,
        name=name,
        retries=retries,
        retry_condition_fn=lambda *_: may_retry(errors[-1]) if errors else False,
        cache_policy=NO_CACHE,
        persist_result=False,
    )()
    return results[-1]


@dataclass(frozen=True)
class TrainmasterFlow:
    """A flow: a body, and the two ways to run it."""

    name: str
    stages: int
    body: Body
    on_start: Hook | None = None

    def __call__(
        self,
        project: str,
        run: str | None = None,
        cause: str | None = None,
        cause_key: str | None = None,
        parameters: Mapping[str, object] | None = None,
        workspace: str | None = None,
    ) -> dict[str, object]:
        """Execute the body here as a run, without any server."""
        return execute(self, project, run, cause, cause_key, parameters, workspace)

    @cached_property
    def prefect(self) -> Any:
        """The same as a Prefect flow (`flows.prefect_flows` names them all)."""
        return _prefect_flow(self)


def flow(name: str, stages: int, on_start: Hook | None = None) -> Callable[[Body], TrainmasterFlow]:
    """Make a flow of `stages` stages from its body; `on_start` is called once, when the run's row is running."""

    def decorate(body: Body) -> TrainmasterFlow:
        return TrainmasterFlow(name, stages, body, on_start)

    return decorate


def _prefect_flow(made: TrainmasterFlow) -> Any:
    from prefect import Flow
    from prefect.runtime import flow_run
    from prefect.states import Cancelled as CancelledState

    def body(
        project: str,
        run: str | None = None,
        cause: str | None = None,
        cause_key: str | None = None,
        parameters: dict[str, Any] | None = None,
        workspace: str | None = None,
    ) -> Any:
        try:
            return execute(made, project, run, cause, cause_key, parameters, workspace, prefect_id=flow_run.get_id())
        except Cancelled as stop:
            return CancelledState(message=first_line(stop))

    body.__doc__ = made.body.__doc__
    return Flow(body, name=made.name, persist_result=False, log_prints=False)


def execute(
    made: TrainmasterFlow,
    project: str,
    run: str | None = None,
    cause: str | None = None,
    cause_key: str | None = None,
    parameters: Mapping[str, object] | None = None,
    workspace: str | None = None,
    *,
    prefect_id: str | None = None,
    on_begin: Hook | None = None,
) -> dict[str, object]:
    """Execute a flow's body as the requested run `run`, or as a new one.

    Errors: NotFound for workspace, project or run; BadInput for project.toml; whatever the body raises. A requested
    run whose project cannot be opened ends as failed.
    """
    prepare(os.environ)
    place = find_workspace(Path.cwd(), named=Path(workspace) if workspace else None)
    with ExitStack() as stack:
        store = stack.enter_context(open_store(place))
        try:
            opened = _code(store, place, project, CauseKind(cause) if cause else CauseKind.PERSON, made.name)
        except TrainmasterError as error:
            if run is not None:
                _fail_request(store, run, error)
            raise
        context = stack.enter_context(
            running(
                store,
                opened,
                made.name,
                stages=made.stages,
                run_key=run,
                cause=CauseKind(cause) if cause else CauseKind.PERSON,
                cause_key=cause_key,
                parameters=parameters,
                prefect_id=prefect_id,
            )
        )
        for hook in (on_begin, _claim_decision, _cite, made.on_start):
            if hook is not None:
                hook(context)
        return made.body(context)


def _code(store: Store, place: Workspace, project: str, cause: CauseKind, flow_name: str) -> OpenProject:
    """What a run executes: automated runs the delivered bundle when CI has delivered one, all others the folder."""
    if cause.automatic and flow_name != "ci":
        ci = importlib.import_module("app.services.ci.bundles")
        delivered: OpenProject | None = ci.open_delivered(store, place, project)
        if delivered is not None:
            return delivered
    return open_project(place, project)


def run_child(
    made: TrainmasterFlow, parent: RunContext, parameters: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Execute another flow as a run of its own in this process, caused by `parent`."""
    with running(
        parent.store,
        parent.project,
        made.name,
        stages=made.stages,
        cause=CauseKind.RUN,
        cause_key=parent.key,
        parameters=parameters,
    ) as context:
        if made.on_start is not None:
            made.on_start(context)
        return made.body(context)


def child_step(
    task: TaskContext, made: TrainmasterFlow, parameters: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Execute another flow as a task of this one; the task says what the child's summary says."""
    summary = run_child(made, task.run, parameters)
    with task.run.store.write() as session:
        task.complete(session, says=str(summary.get("says", "")))
    return summary


def _claim_decision(run: RunContext) -> None:
    """Bind the decision that caused this run to it, once; a decision that has a run already refuses a second one."""
    decision = run.parameters.get("decision")
    if not decision:
        return
    monitoring = importlib.import_module("app.services.monitoring")
    with run.store.write() as session:
        monitoring.claim_decision(session, str(decision), run.run_id)


def _cite(run: RunContext) -> None:
    """Say in the lineage which item of feedback asked for this run."""
    because = run.parameters.get("because")
    if because:
        feedback = importlib.import_module("app.services.feedback")
        with run.store.write() as session:
            feedback.cite(session, str(because), run.ref, now())


def _fail_request(store: Store, key: str, error: TrainmasterError) -> None:
    with store.write() as session:
        ledger.finish_run(
            session,
            ledger.find_run(session, key),
            RunState.FAILED,
            now=now(),
            duration_s=0.0,
            error=first_line(error),
            next_step=error.next_step or "",
        )


def main(made: TrainmasterFlow) -> None:
    """The command line of a flow's module: `python -m flows.train --project NAME`, no server needed."""
    from flows.command import run_command

    imported()
    end_quickly()
    sys.exit(run_command(made, sys.argv[1:]))


__all__ = [
    "Body",
    "Hook",
    "TrainmasterFlow",
    "child_step",
    "execute",
    "flow",
    "inside_prefect",
    "main",
    "run_child",
    "stage",
]
