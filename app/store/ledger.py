"""The ledger: runs and tasks write their own rows; a task's end stands in the transaction that writes its result."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref, new_key
from app.domain.states import CauseKind, RunState, TaskState
from app.store import holders, leases, permits
from app.store.bulk import import_points
from app.store.columns import number_of, split_number
from app.store.tables import Metric, Parameter, Run, Task

RUN_LEASE = "run"


def request_run(
    session: Session,
    *,
    flow: str,
    project_id: int,
    requested_by: str,
    now: datetime,
    cause: CauseKind = CauseKind.PERSON,
    cause_key: str | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Run:
    """Write the wish for a run; it stays `requested` until a process takes it.

    Raises Refused when a person asks whose role does not allow it; other causes act for the program.
    """
    if cause is CauseKind.PERSON:
        permits.require(session, requested_by, "run.requested")
    run = Run(
        key=new_key(),
        flow=flow,
        project_id=project_id,
        state=RunState.REQUESTED,
        cause=cause,
        cause_key=cause_key,
        requested_by=requested_by,
        requested_at=now,
        parameters=json.dumps(dict(parameters or {}), sort_keys=True, allow_nan=False),
    )
    session.add(run)
    session.flush()
    return run


def start_run(session: Session, run: Run, *, now: datetime, holder: holders.Holder, stages: int) -> None:
    """Move a requested run to running, with a lease; raises Refused when it was started or ended already."""
    if run.state is not RunState.REQUESTED:
        raise Refused(f"run {run.key} is {run.state} already", next_step=f"trainmaster runs show {run.key}")
    leases.take(session, RUN_LEASE, run.key, now, holder=holder)
    run.state, run.started_at, run.stages = RunState.RUNNING, now, stages
    session.add(run)
    session.flush()


def finish_run(
    session: Session,
    run: Run,
    state: RunState,
    *,
    now: datetime,
    duration_s: float,
    error: str = "",
    next_step: str = "",
) -> None:
    """End a run once and give its lease back; a run that ended already stays as it is."""
    session.refresh(run)
    if run.state.ended:
        return
    run.state, run.finished_at, run.duration_s = state, now, duration_s
    run.error, run.next_step = error, next_step
    session.add(run)
    session.connection().execute(
        update(Task)
        .where(col(Task.run_id) == run.id, col(Task.state) == TaskState.RUNNING)
        .values(state=_task_state_at_end(state), finished_at=now, error=error)
    )
    leases.drop(session, RUN_LEASE, run.key)
    session.flush()


def _task_state_at_end(state: RunState) -> TaskState:
    match state:
        case RunState.CRASHED:
            return TaskState.CRASHED
        case RunState.CANCELLED:
            return TaskState.CANCELLED
        case _:
            return TaskState.FAILED


def begin_task(session: Session, run_id: int, name: str, ordinal: int, *, now: datetime) -> Task:
    """Write that a task has begun."""
    task = Task(run_id=run_id, name=name, ordinal=ordinal, state=TaskState.RUNNING, started_at=now)
    session.add(task)
    session.flush()
    return task


def finish_task(
    session: Session,
    task: Task,
    state: TaskState,
    *,
    now: datetime,
    duration_s: float,
    says: str = "",
    inputs: Iterable[Ref] = (),
    outputs: Iterable[Ref] = (),
    error: str = "",
) -> None:
    """End a task and count it in its run; to be called in the transaction that writes the task's result."""
    values = {
        "state": state,
        "finished_at": now,
        "duration_s": duration_s,
        "says": says,
        "error": error,
        "inputs": json.dumps([str(ref) for ref in inputs]),
        "outputs": json.dumps([str(ref) for ref in outputs]),
        "share": 1.0 if state is TaskState.COMPLETED else task.share,
        "eta_s": None,
    }
    session.connection().execute(update(Task).where(col(Task.id) == task.id).values(**values))
    session.connection().execute(
        update(Run).where(col(Run.id) == task.run_id).values(stages_done=col(Run.stages_done) + 1)
    )
    for name, value in values.items():
        setattr(task, name, value)


def log_parameters(session: Session, run_id: int, parameters: Mapping[str, object]) -> None:
    """Write the parameters of a run, each as text; a second value for a key is an error of the database."""
    texts = {key: str(value) for key, value in parameters.items()}
    rows = [{"run_id": run_id, "key": key, "value": text, "number": number_of(text)} for key, text in texts.items()]
    if rows:
        session.connection().execute(insert(Parameter), rows)


def log_metrics(session: Session, run_id: int, metrics: Mapping[str, float]) -> None:
    """Write the latest value of metrics, replacing earlier ones; NaN and infinity are kept as such."""
    from sqlalchemy.dialects.sqlite import insert as upsert

    rows = []
    for key, number in metrics.items():
        value, special = split_number(number)
        rows.append({"run_id": run_id, "key": key, "value": value, "special": special})
    if rows:
        statement = upsert(Metric)
        statement = statement.on_conflict_do_update(
            index_elements=["run_id", "key"],
            set_={"value": statement.excluded.value, "special": statement.excluded.special},
        )
        session.connection().execute(statement, rows)


def log_points(session: Session, run_id: int, key: str, points: Iterable[tuple[int, float]]) -> None:
    """Write points (step, value) of one metric's history."""
    import_points(session, run_id, {key: points})


def find_run(session: Session, key: str) -> Run:
    """The run with a key or an unambiguous beginning of one; raises NotFound."""
    found = session.execute(select(Run).where(col(Run.key).startswith(key)).limit(2)).scalars().all()
    if len(found) != 1:
        what = "no run" if not found else "more than one run"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster runs ls")
    run: Run = found[0]
    return run
