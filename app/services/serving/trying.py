"""Trying a candidate beside production: the wait for its verdict, stage by stage; the row is the record."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Busy
from app.domain.ids import new_key
from app.domain.project.serving import Serving
from app.domain.rollout import breach
from app.domain.states import DeploymentState, RolloutState, RunState
from app.services.running import TaskContext
from app.services.serving.rollouts import (
    ALIVE,
    close,
    end,
    end_watch,
    evidence_of,
    open_row,
    row_of,
    said,
    subject_of,
    tally_of,
)
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Deployment, Rollout, Run

LOOK_S = 1.0


@dataclass(frozen=True)
class RolloutVerdict:
    """What became of a candidate beside production; `evidence` holds its figures by stage."""

    passed: bool
    says: str
    evidence: Mapping[str, object]


def observe(
    task: TaskContext, *, version_id: int, by: str, reason: str, look_s: float = LOOK_S, complete: bool = True
) -> RolloutVerdict:
    """Try a version beside production as `[serving]` of the project asks, and wait for the verdict.

    Gives a passed verdict at once when nothing is asked, or nothing serves yet. The row is the record: a run that
    begins again takes its open rollout up where it stands. A candidate beyond a limit has failed; so has one that was
    not asked often enough within the time and the patience.

    Errors: Busy when another version is being tried, NotFound for an unknown version, Cancelled.
    """
    run, limits = task.run, task.run.project.file.serving
    baseline = _baseline(run.store, run.project_id)
    if not limits.asked or baseline is None or baseline == version_id:
        says = "no trial is asked for" if not limits.asked else "nothing else serves to compare with"
        return _done(task, RolloutVerdict(True, says, {}), version_id, complete=complete)
    rollout = _begin(task, version_id, baseline, limits, by=by, reason=reason)
    try:
        while not rollout.state.ended:
            time.sleep(look_s)
            rollout = _step(task, rollout.id or 0, limits, by=by)
    except BaseException:
        end(run.store, rollout.id or 0, RolloutState.CANCELLED, "the run that waited for it has ended", by=by)
        raise
    verdict = RolloutVerdict(
        rollout.state is RolloutState.PASSED, rollout.says, evidence_of(run.store, rollout.id or 0)
    )
    return _done(task, verdict, version_id, complete=complete)


def _done(task: TaskContext, verdict: RolloutVerdict, version_id: int, *, complete: bool) -> RolloutVerdict:
    if complete:
        with task.run.store.write() as session:
            task.complete(session, says=verdict.says, inputs=[subject_of(session, version_id)])
    return verdict


def _baseline(store: Store, project_id: int) -> int | None:
    """The version that answers for a project now."""
    with store.read() as session:
        found: int | None = session.execute(
            select(col(Deployment.version_id)).where(
                col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE
            )
        ).scalar()
    return found


def _begin(task: TaskContext, version_id: int, baseline: int, limits: Serving, *, by: str, reason: str) -> Rollout:
    """The project's open rollout of this version, taken up again, or a new one."""
    run, moment = task.run, now()
    with run.store.write() as session:
        end_watch(session, run.project_id, "another version is tried beside production", by=by)
        row = open_row(session, run.project_id)
        if row is not None and row.run_id != run.run_id and _is_over(session, row.run_id):
            if row.version_id != version_id or row.baseline_id != baseline:
                close(session, row, RolloutState.CANCELLED, "the run that waited for it has ended", by=by)
                row = None
        elif row is not None and row.run_id != run.run_id:
            raise Busy(
                f"{subject_of(session, row.version_id).key} is being tried beside production",
                next_step="trainmaster runs ls --flow deploy",
            )
        if row is None:
            first = RolloutState.SHADOW if limits.shadow_minutes > 0 else RolloutState.CANARY
            row = Rollout(
                key=new_key(),
                project_id=run.project_id,
                version_id=version_id,
                baseline_id=baseline,
                run_id=run.run_id,
                state=first,
                limits=limits.model_dump_json(),
                says=f"{first}: nothing seen yet",
                began_at=moment,
                stage_at=moment,
                watched_until=moment + ALIVE,
            )
            session.add(row)
            session.flush()
            audit.record(
                session,
                actor=by,
                action="rollout.began",
                subject=str(subject_of(session, version_id)),
                now=moment,
                reason=reason,
                details={"rollout": row.key, "stage": str(first)},
            )
        row.run_id, row.watched_until = run.run_id, moment + ALIVE
        session.add(row)
    return row


def _step(task: TaskContext, rollout_id: int, limits: Serving, *, by: str) -> Rollout:
    """Look at what was seen, and bring the rollout to its next stage or its end when it is time."""
    moment, store = now(), task.run.store
    with store.read() as session:
        row = row_of(session, rollout_id)
        tally = tally_of(session, rollout_id, row.state)
    if row.state.ended:
        return row
    stage_min = limits.shadow_minutes if row.state is RolloutState.SHADOW else limits.canary_minutes
    spent_min = (moment - row.stage_at).total_seconds() / 60
    says = f"{row.state}: {said(tally)}"
    task.progress(min(spent_min, stage_min), stage_min, says)
    beyond = breach(tally, limits)
    if _baseline(store, task.run.project_id) != row.baseline_id:
        beyond = "another version went into production meanwhile"
    enough = tally.requests >= limits.minimum_requests
    following: RolloutState | None = None
    if beyond is not None:
        following, says = RolloutState.FAILED, f"{row.state}: {beyond}"
    elif spent_min >= stage_min and enough:
        to_canary = row.state is RolloutState.SHADOW and limits.canary_minutes > 0
        following = RolloutState.CANARY if to_canary else RolloutState.PASSED
    elif spent_min >= stage_min + limits.patience_minutes:
        following = RolloutState.FAILED
        says = f"{row.state}: {tally.requests:,} requests in {spent_min:.0f} min, {limits.minimum_requests:,} are asked"
    with store.write() as session:
        row = row_of(session, rollout_id)
        if row.state.ended:  # the gateway was faster
            return row
        row.watched_until, row.says = moment + ALIVE, says
        if following is RolloutState.CANARY:
            row.state, row.stage_at = following, moment
            audit.record(
                session,
                actor=by,
                action="rollout.moved",
                subject=str(subject_of(session, row.version_id)),
                now=moment,
                details={"rollout": row.key, "stage": "canary", "says": says},
            )
        elif following is not None:
            close(session, row, following, says, by=by)
        session.add(row)
    return row


def _is_over(session: Session, run_id: int | None) -> bool:
    run = session.get(Run, run_id) if run_id is not None else None
    return run is None or run.state.ended or run.state is RunState.REQUESTED


__all__ = ["RolloutVerdict", "observe"]
