"""Letting a training run begin: its estimate against this machine's memory; it waits, or is refused, and says why."""

import time
from collections.abc import Sequence

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.states import RunState
from app.machine.admission import Decision, Neighbour, Verdict, decide, read_memory
from app.services import estimating
from app.services.estimating import Estimated
from app.services.experiments.preparing import whole_parameter
from app.services.running import RunContext
from app.services.workspaces import now
from app.store.tables import Admission, Estimate, Lease, ResourceSample, Run

LOOK_S = 1.0
WAIT = "wait for memory"


def admit(run: RunContext) -> None:
    """Estimate the run, and let it begin when it fits; until then it waits as a task that says for what.

    Every decision is a row. Raises Refused for a run that can never fit on this machine, Cancelled when somebody
    cancels it while it waits, NotFound before features were built.
    """
    found = estimating.estimate(
        run.store,
        run.project,
        rounds=whole_parameter(run.parameters, "rounds"),
        version=whole_parameter(run.parameters, "feature_set"),
    )
    _begin(run, found)


def admit_search(run: RunContext) -> None:
    """The same for a search, whose rows lie in memory twice and whose child fits them."""
    _begin(
        run, estimating.estimate_search(run.store, run.project, version=whole_parameter(run.parameters, "feature_set"))
    )


def _begin(run: RunContext, found: Estimated) -> None:
    run.log(f"expected: {found.says}")
    first = _ask(run, found, is_first=True)
    if first.decision is Decision.ADMITTED:
        return
    run.plan(run.stages + 1)
    with run.task(WAIT) as task:
        _refuse(first, run)
        run.log(f"waits: {first.says}", level="warning")
        begun, verdict = time.monotonic(), first
        while verdict.decision is not Decision.ADMITTED:
            task.progress(verdict.free_bytes, verdict.needs_bytes, f"waits: {verdict.says}")
            time.sleep(LOOK_S)
            verdict = _ask(run, found, is_first=False)
            _refuse(verdict, run)
        run.waited(time.monotonic() - begun)
        run.log(f"began after {time.monotonic() - begun:.0f} s: {verdict.says}")


def _refuse(verdict: Verdict, run: RunContext) -> None:
    if verdict.decision is Decision.REFUSED:
        raise Refused(
            f"refused before it began: {verdict.says}",
            next_step=f"trainmaster train estimate --project {run.project.name}, then bring fewer rows or more memory",
        )


def _ask(run: RunContext, found: Estimated, *, is_first: bool) -> Verdict:
    """Decide in one transaction with what others were promised; the first decision and every other one is kept."""
    memory = read_memory()
    with run.store.write() as session:
        verdict = decide(int(found.rss_bytes.value), memory, _neighbours(session, run.run_id), serving=serves(session))
        if is_first or verdict.decision is not Decision.QUEUED:
            session.connection().execute(
                insert(Admission),
                {
                    "run_id": run.run_id,
                    "decision": str(verdict.decision),
                    "needs_bytes": verdict.needs_bytes,
                    "free_bytes": verdict.free_bytes,
                    "total_bytes": verdict.total_bytes,
                    "says": verdict.says,
                    "decided_at": now(),
                },
            )
        if verdict.decision is Decision.ADMITTED:
            estimating.keep(session, run.project_id, found, run_id=run.run_id)
    return verdict


def serves(session: Session) -> bool:
    """Whether the gateway is up: it answers people, and training waits for it."""
    query = select(col(Lease.id)).where(col(Lease.kind) == "service", col(Lease.key) == "gateway")
    return session.execute(query).first() is not None


def verdict_for(session: Session, found: Estimated) -> Verdict:
    """What would be decided now about a run that needs so much."""
    return decide(int(found.rss_bytes.value), read_memory(), _neighbours(session, None), serving=serves(session))


def _neighbours(session: Session, run_id: int | None) -> list[Neighbour]:
    """Admitted runs that are under way, with what they were expected to need and what they use."""
    newest = (
        select(col(ResourceSample.run_id), func.max(col(ResourceSample.seq)).label("seq"))
        .where(col(ResourceSample.run_id).in_(select(col(Run.id)).where(col(Run.state) == RunState.RUNNING)))
        .group_by(col(ResourceSample.run_id))
        .subquery()
    )
    rows = session.execute(
        select(col(Run.key), col(Estimate.rss_bytes), col(ResourceSample.rss_bytes))
        .join(Estimate, col(Estimate.run_id) == col(Run.id))
        .join(newest, newest.c.run_id == col(Run.id), isouter=True)
        .join(
            ResourceSample,
            (col(ResourceSample.run_id) == newest.c.run_id) & (col(ResourceSample.seq) == newest.c.seq),
            isouter=True,
        )
        .where(col(Run.state) == RunState.RUNNING, col(Run.id) != (run_id or 0))
    ).all()
    return [Neighbour(key[:6], needs, uses or 0) for key, needs, uses in rows]


__all__: Sequence[str] = ["WAIT", "admit", "admit_search", "serves", "verdict_for"]
